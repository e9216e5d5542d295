"""A database that goes away while an insurer is asked: the question and its answer need none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import BY_VIDEO, NEEDS_AUTHORIZATION, Build, a_submission
from storage_hands import bring_to

from payer_gateway.domain.exchange import Reply, Request
from payer_gateway.domain.submission import OutcomeClass, State
from payer_gateway.storage.fencing import Fence
from payer_gateway.workflow.crew import pick_some
from payer_gateway.workflow.exchanging import exchange

NOTHING = b'{"resourceType": "Bundle", "type": "searchset", "total": 0}'


class Away:
    """A database that nobody may ask."""

    def read(self) -> Any:
        raise AssertionError("the database was asked")

    write = read


class KnowsNothing:
    """An insurer's line: whatever is asked, nothing is found."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def send(self, _insurer: str, request: Request) -> Reply:
        self.asked.append(request)
        return Reply(200, {"content-type": "application/fhir+json"}, NOTHING)


@pytest.mark.parametrize(("number", "method"), [(BY_VIDEO, "GET"), (NEEDS_AUTHORIZATION, "POST")])
def test_an_insurer_is_asked_and_understood_while_the_database_is_away(
    build: Build, number: str, method: str
) -> None:
    services, line = build(), KnowsNothing()
    bring_to(services, a_submission(services, number), State.IN_DOUBT)
    (held,) = pick_some(services, State.IN_DOUBT, "w", lambda: 1, look=False)
    away: Any = replace(services, database=Away(), client=line)

    done = exchange(away, Fence(services.database.engine), held)

    assert done.reading.outcome is OutcomeClass.NOT_FOUND
    assert [request.method for request in line.asked] == [method]
