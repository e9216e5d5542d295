"""The web surface on a database of its own, with keys for whoever a test needs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from builders import MAPPINGS, released
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from payer_gateway.app import build_services
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.domain.submission import State
from payer_gateway.settings import Settings
from payer_gateway.storage import outbox
from payer_gateway.storage.tables import metadata
from payer_gateway.web.application import create_web_app
from payer_gateway.workflow import clients
from payer_gateway.workflow.services import Services

ROOT = Path(__file__).parents[2]
CONSULTATIONS = ROOT / "fixtures" / "consultations"
TODAY = "2026-04-15"
V1 = "/api/v1"
PERSONAL = ("Villarreal", "Marisol", "1979-05-14", "NW4410021", "Juniper")


def environment(folder: Path, mappings: Path = MAPPINGS) -> dict[str, str]:
    return {
        "PAYER_GATEWAY_DATABASE_URL": f"sqlite:///{folder / 'gateway.db'}",
        "PAYER_GATEWAY_MAPPINGS": str(mappings),
        "PAYER_GATEWAY_TODAY": TODAY,
    }


def consultation(number: str = "01") -> dict[str, Any]:
    """A fixture by its number."""
    (file,) = CONSULTATIONS.glob(f"{number}-*.json")
    document: dict[str, Any] = json.loads(file.read_text())
    return document


@dataclass
class Surface:
    services: Services
    app: Flask
    keys: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def key(self, role: str = "provider", tenant: str = "default") -> str:
        if (tenant, role) not in self.keys:
            operator = Principal(tenant, Role.OPS, "local:test")
            insurer = "sakura-life" if role == "insurer" else None
            added = clients.add(
                self.services, operator, tenant, f"{role} client", Role(role), insurer
            )
            self.keys[tenant, role] = added["key"]
        return self.keys[tenant, role]

    def headers(self, role: str = "provider", tenant: str = "default") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key(role, tenant)}"}

    def get(self, path: str, role: str = "provider", tenant: str = "default") -> TestResponse:
        return self.client.get(path, headers=self.headers(role, tenant))

    def post(
        self,
        path: str,
        body: object,
        role: str = "provider",
        tenant: str = "default",
        **headers: str,
    ) -> TestResponse:
        """``body`` is sent as JSON unless it is bytes; ``Idempotency_Key=…`` sets that header."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            path,
            data=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                **self.headers(role, tenant),
                **sent,
            },
        )

    def take(self, number: str = "01", **options: Any) -> dict[str, Any]:
        answer = self.post(f"{V1}/consultations", consultation(number), **options)
        assert answer.status_code in (200, 201), answer.text
        summary: dict[str, Any] = answer.json
        return summary

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        with self.services.database.read() as work:
            return {
                name: work.conn.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in metadata.tables.items()
            }


@contextmanager
def opened(folder: Path, mappings: Path = MAPPINGS) -> Iterator[Surface]:
    services = build_services(Settings.from_env(environment(folder, mappings)))
    if mappings == MAPPINGS:
        services = replace(services, **released())
    try:
        yield Surface(services, create_web_app(services))
    finally:
        services.client.close()
        services.database.close()


def problem(answer: Response, status: int) -> dict[str, Any]:
    """The problem that the answer is, after checking that it is one."""
    text = answer.get_data(as_text=True)
    assert answer.status_code == status, text
    assert answer.content_type == "application/problem+json"
    told: dict[str, Any] = json.loads(text)
    assert told["status"] == status
    assert {"type", "title", "detail"} <= told.keys()
    assert "Traceback" not in text
    return told


def outcome(answer: Response, status: int) -> list[dict[str, Any]]:
    """The issues of the OperationOutcome that the answer is, after checking that it is one."""
    text = answer.get_data(as_text=True)
    assert answer.status_code == status, text
    assert answer.content_type == "application/fhir+json; charset=utf-8"
    told = json.loads(text)
    assert told["resourceType"] == "OperationOutcome"
    assert all(issue["code"] and issue["diagnostics"] for issue in told["issue"])
    assert "Traceback" not in text
    issues: list[dict[str, Any]] = told["issue"]
    return issues


def refusal(answer: Response, path: str, status: int) -> str:
    """What is said, in the form that the surface of that path has for errors."""
    if path.startswith("/fhir/"):
        return " ".join(issue["diagnostics"] for issue in outcome(answer, status))
    return str(problem(answer, status)["detail"])


def paths(told: dict[str, Any]) -> list[str]:
    return [error["path"] for error in told["errors"]]


def settle(surface: Surface, submission_id: str, target: State, last_class: str) -> None:
    """Move a ready submission through sending to ``target``, as delivery would."""
    with surface.services.database.write() as work:
        row = outbox.get(work, "default", submission_id)
        lease = {"lease_token": str(uuid.uuid4()), "lease_until": work.now + timedelta(minutes=1)}
        outbox.move(work, row, State.SENDING, "picked", "test", **lease)
        sending = outbox.get(work, "default", submission_id)
        outbox.move(work, sending, target, "recorded", "test", attempts=1, last_class=last_class)
