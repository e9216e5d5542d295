"""Whether this process can do its work now, asked by load balancers, often; and making it ready to
do it at once."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from payer_gateway.codes import ICD_10_CM, ICD_10_PCS
from payer_gateway.domain.consultation import Coding
from payer_gateway.domain.errors import MappingError
from payer_gateway.storage.database import head_version
from payer_gateway.workflow.services import Services


def why_not_ready(s: Services) -> str | None:
    """None when the database answers and has the schema of this version."""
    try:
        found = s.database.schema_version()
    except SQLAlchemyError as exc:
        return f"the database does not answer ({type(exc).__name__})"
    needed = head_version()
    if found == needed:
        return None
    return f"the database has schema {found}, this version of payer-gateway needs {needed}"


def read_ahead(s: Services) -> None:
    """Read the files of every insurer and plan and the code sets, for which else the first
    requests wait.

    A file that cannot be used is passed over here; whoever needs it is told what is wrong.
    """
    for name in s.shelf.names():
        with suppress(MappingError):
            s.shelf.profile(s.shelf.find(name))
    for name in s.plans.names():
        with suppress(MappingError):
            s.plans.plan(name)
    s.codes.is_oncology(Coding(ICD_10_CM, "C50.911"))
    s.codes.surgery_group(Coding(ICD_10_PCS, "0DT60ZZ"))
