"""Who may call what. The table here is written by hand: it is the second opinion on the code's."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import update
from web_surface import V1, Surface, problem, refusal

from payer_gateway.storage.tables import client
from payer_gateway.web.operations import OPERATIONS
from payer_gateway.web.signin import KeyRing

ID = "01a206b6-0000-7000-8000-000000000000"

# endpoint → (method, an address of it, roles that may)
ROUTES: dict[str, tuple[str, str, set[str]]] = {
    "consultations.take": ("POST", f"{V1}/consultations", {"provider", "ops"}),
    "consultations.show": ("GET", f"{V1}/consultations/{ID}", {"provider", "ops"}),
    "consultations.correct": (
        "POST",
        f"{V1}/consultations/{ID}/corrections",
        {"provider", "ops"},
    ),
    "consultations.decide": ("POST", f"{V1}/consultations/{ID}/decision", {"ops"}),
    "eligibility.check": ("POST", f"{V1}/eligibility-checks", {"provider", "ops"}),
    "fhir.submit": (
        "POST",
        "/fhir/CoverageEligibilityRequest/$submit",
        {"provider", "insurer", "ops"},
    ),
    "notifications.take": ("POST", "/fhir/insurers/sakura-life/notifications", {"insurer"}),
    "health.metrics": ("GET", "/metrics", {"ops"}),
    "submissions.page": ("GET", f"{V1}/submissions", {"provider", "ops"}),
    "submissions.show": ("GET", f"{V1}/submissions/{ID}", {"provider", "ops"}),
    "submissions.resolve": ("POST", f"{V1}/submissions/{ID}/resolve", {"ops"}),
    "submissions.cancel": ("POST", f"{V1}/submissions/{ID}/cancel", {"ops"}),
    "submissions.replay": ("POST", f"{V1}/submissions/{ID}/replay", {"ops"}),
    "insurers.pause": ("POST", f"{V1}/insurers/sakura-life/pause", {"ops"}),
    "insurers.resume": ("POST", f"{V1}/insurers/sakura-life/resume", {"ops"}),
}
OPEN = {
    "openapi.document": f"{V1}/openapi.json",
    "fhir.metadata": "/fhir/metadata",
    "fhir.code_system_search": "/fhir/CodeSystem",
    "fhir.code_system": "/fhir/CodeSystem/eligibility-reason",
    "fhir.concept_map_search": "/fhir/ConceptMap",
    "fhir.concept_map": "/fhir/ConceptMap/eligibility-reason-to-carc",
    "health.is_up": "/healthz",
    "health.is_ready": "/readyz",
}
ROLES = ["provider", "insurer", "employer", "ops", "worker"]
MATRIX = list(itertools.product(ROUTES, ROLES))


def test_every_route_of_the_app_is_in_the_table_of_this_test(surface: Surface) -> None:
    endpoints = {rule.endpoint for rule in surface.app.url_map.iter_rules()}

    assert endpoints == ROUTES.keys() | OPEN.keys()
    assert {operation.endpoint for operation in OPERATIONS} == endpoints


@pytest.mark.parametrize(("endpoint", "role"), MATRIX)
def test_a_role_gets_in_exactly_where_it_may(surface: Surface, endpoint: str, role: str) -> None:
    method, path, allowed = ROUTES[endpoint]
    headers = surface.headers(role)
    before = surface.counts()

    answer = surface.client.open(path, method=method, headers=headers)

    if role in allowed:
        assert answer.status_code not in (401, 403, 500)
    else:
        assert role in refusal(answer, path, 403)
        assert surface.counts() == before


@pytest.mark.parametrize("endpoint", ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
def test_an_employer_never_sees_anything(surface: Surface, endpoint: str, method: str) -> None:
    answer = surface.client.open(
        ROUTES[endpoint][1], method=method, headers=surface.headers("employer")
    )

    assert answer.status_code in (403, 405)


@pytest.mark.parametrize("endpoint", ROUTES)
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer pgw_wrong",
        "Bearer " + "x" * 5000,
        "Basic YTpi",
        "bearer \xff",
        "KEY",
    ],
)
def test_without_a_key_that_somebody_holds_nothing_is_answered(
    surface: Surface, endpoint: str, authorization: str | None
) -> None:
    method, path, _ = ROUTES[endpoint]
    headers = {} if authorization is None else {"Authorization": authorization}

    answer = surface.client.open(path, method=method, headers=headers)

    refusal(answer, path, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_that_was_revoked_opens_nothing_after_a_few_seconds(surface: Surface) -> None:
    now = [0.0]
    ring = KeyRing(surface.services, lambda: now[0])
    key = surface.key()
    assert ring.holder(key) is not None
    with surface.services.database.write() as work:
        work.conn.execute(update(client).values(revoked_at=work.now))

    now[0] = KeyRing.SECONDS

    assert ring.holder(key) is None


def test_the_word_bearer_may_be_written_in_any_case(surface: Surface) -> None:
    answer = surface.client.get(
        f"{V1}/submissions", headers={"Authorization": f"bEaReR  {surface.key()}"}
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("path", OPEN.values())
def test_these_are_open_to_everybody(surface: Surface, path: str) -> None:
    assert surface.client.get(path).status_code == 200


@pytest.mark.parametrize("role", [None, *ROLES])
def test_a_route_that_the_table_does_not_list_is_denied(surface: Surface, role: str | None) -> None:
    surface.app.add_url_rule("/api/v1/forgotten", "forgotten", lambda: "secret")
    headers = surface.headers(role) if role else {}

    answer = surface.client.get("/api/v1/forgotten", headers=headers)

    problem(answer, 403 if role else 401)
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1/nothing", "/console", "//api/v1"])
def test_a_stranger_does_not_learn_which_addresses_exist(surface: Surface, path: str) -> None:
    assert problem(surface.client.get(path), 401) == problem(
        surface.client.get(f"{V1}/submissions"), 401
    )


@pytest.mark.parametrize("endpoint", [e for e, (m, path, _) in ROUTES.items() if ID in path])
def test_another_tenants_things_are_not_found_on_any_route(surface: Surface, endpoint: str) -> None:
    made = surface.take(tenant="default")
    theirs = {
        "consultations": made["consultation"],
        "submissions": made["submissions"][0]["id"],
    }[endpoint.partition(".")[0]]
    method, path, _ = ROUTES[endpoint]
    body = {
        "consultations.correct": {"kind": "void", "submission": ID, "reason": "r"},
        "consultations.decide": {"eligible": True, "reason": "r"},
        "submissions.resolve": {"booked": True, "evidence": "e"},
    }.get(endpoint, {"reason": "r"})
    surface.key("ops", "other")
    before = surface.counts()

    answers = [
        surface.client.open(
            path.replace(ID, asked),
            method=method,
            headers=surface.headers("ops", "other"),
            json=body if method == "POST" else None,
        )
        for asked in (theirs, ID)
    ]

    problem(answers[0], 404)
    assert answers[0].text.replace(theirs, ID) == answers[1].text
    assert surface.counts() == before
