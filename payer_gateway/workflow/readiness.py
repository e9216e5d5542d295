"""Whether this process can do its work now; asked by load balancers, often."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import SQLAlchemyError

from payer_gateway.storage.database import head_version
from payer_gateway.workflow.services import Services


def why_not_ready(s: Services) -> str | None:
    """None when the database answers and has the schema of this version."""
    try:
        with s.database.read() as work:
            found = MigrationContext.configure(work.conn).get_current_revision()
    except SQLAlchemyError as exc:
        return f"the database does not answer ({type(exc).__name__})"
    needed = head_version()
    if found == needed:
        return None
    return f"the database has schema {found}, this version of payer-gateway needs {needed}"
