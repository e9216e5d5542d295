"""What tests are arranged from: consultations, services on a database, who acts."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from payer_gateway.app import build_services
from payer_gateway.codes import load_code_sets
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.mapping.plans import PlanShelf
from payer_gateway.mapping.profile import Shelf
from payer_gateway.settings import Settings, insurer_setting
from payer_gateway.workflow import intake
from payer_gateway.workflow.services import Services

ROOT = Path(__file__).parents[1]
MAPPINGS = ROOT / "mappings"
CONSULTATIONS = sorted((ROOT / "fixtures" / "consultations").glob("*.json"))
INSURERS = ("medicare-b", "northwind-ppo", "sakura-life", "state-medicaid")
TODAY = date(2026, 4, 15)
OPS = Principal("default", Role.OPS, "local:ana")
WORKER = Principal("default", Role.WORKER, "local:worker")
NOWHERE = "http://127.0.0.1:9"

# Which fixture consultation shows what.
BY_VIDEO, NEEDS_AUTHORIZATION, NOT_COVERED = "01", "03", "07"
REJECTED, ANSWER_LOST, BUSY, LATE = "08", "09", "10", "11"
AUTHORIZATION_DENIED, TWO_COVERAGES, STILL_TO_COME = "12", "13", "14"
COVERAGE_ENDED, CROSS_BORDER = "15", "16"

Build = Callable[..., Services]
"""Services on the test's database; takes what ``environment`` takes."""

_number = itertools.count(1)


def environment(
    database_url: str,
    *,
    url: str = NOWHERE,
    insurers: tuple[str, ...] = INSURERS,
    today: date | None = TODAY,
    lease: float = 3.0,
    settle: float | None = 0.3,
    token: str | None = None,
) -> dict[str, str]:
    """The settings of a test's house, as environment variables."""
    environ = {
        "PAYER_GATEWAY_DATABASE_URL": database_url,
        "PAYER_GATEWAY_MAPPINGS": str(MAPPINGS),
        "PAYER_GATEWAY_TODAY": today.isoformat() if today else "",
        "PAYER_GATEWAY_LEASE_SECONDS": str(lease),
        "PAYER_GATEWAY_SETTLE_SECONDS": "" if settle is None else str(settle),
        "PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP": "1",
    }
    for name in insurers:
        environ[insurer_setting(name, "URL")] = f"{url}/{name}"
        environ[insurer_setting(name, "TOKEN")] = token or ""
    return environ


@cache
def released() -> dict[str, Any]:
    """The shipped files, read once for all tests: a released version never changes."""
    return {"shelf": Shelf(MAPPINGS), "plans": PlanShelf(MAPPINGS), "codes": load_code_sets()}


def a_house(database_url: str, **changes: Any) -> Services:
    made = build_services(Settings.from_env(environment(database_url, **changes)))
    return replace(made, **released())


def fixture(number: str) -> dict[str, Any]:
    """A fixture consultation by the number its file begins with."""
    (path,) = (p for p in CONSULTATIONS if p.name.startswith(number))
    document = parse_json(path.read_bytes())
    assert isinstance(document, dict)
    return document


def another(number: str = BY_VIDEO, *, mood: str = "", **changes: Any) -> dict[str, Any]:
    """A consultation like that fixture, of another patient under another member id."""
    n = next(_number)
    document = copy.deepcopy(fixture(number)) | changes
    document["id"] = changes.get("id", f"T-{n}")
    document["episode_id"] = f"EP-T-{n}"
    document["patient"]["family"] = f"Testperson{n}"
    for coverage in document["coverages"]:
        kept = coverage["member_id"].partition("-MOOD-")
        coverage["member_id"] = f"T{n}{kept[0]}" + (f"-MOOD-{mood}" if mood else kept[1] + kept[2])
    return document


def take_in(
    services: Services, document: Mapping[str, Any], principal: Principal = OPS
) -> dict[str, Any]:
    """The summary of a consultation that came in."""
    return intake.take_in(services, principal, canonical_json(document)).summary


def a_submission(services: Services, number: str = BY_VIDEO, **changes: Any) -> str:
    """The id of the submission of a new consultation that is paid for."""
    summary = take_in(services, another(number, **changes))
    assert len(summary["submissions"]) == 1, summary
    return str(summary["submissions"][0]["id"])
