"""Metrics and the alert rules that are shipped: each rule fires on the situation it is for, on a
real database, and none fires on a healthy house.

No Prometheus here: it cannot be installed by pip. The rules are single comparisons of one metric,
so that the few lines below evaluate them whole; a rule that is anything else fails its test.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import OPS, REJECTED, Build, a_submission
from journeys_hands import deliver
from late_answers import bring, decides_nothing, response
from processes import RawInsurer, SandboxInsurer, answer
from sqlalchemy import text

from payer_gateway.domain.principal import Principal, Role
from payer_gateway.storage import tables, tallies, workers
from payer_gateway.workflow import delivery, measuring, steering
from payer_gateway.workflow.pulse import Pulse
from payer_gateway.workflow.services import Services

RULES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[2] / "docs" / "alerts.yml").read_text("utf-8")
)["groups"][0]["rules"]
COMPARED = re.compile(r'(\w+)(?:\{(\w+)="([^"]*)"\})? ([<>]) (\d+)')
SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? ([0-9.e+-]+)")

Samples = list[tuple[str, dict[str, str], float]]


def scraped(services: Services, principal: Principal = OPS) -> Samples:
    told = measuring.exposition(measuring.measure(services, principal))
    samples: Samples = []
    for line in told.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        assert match is not None, line
        labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
        samples.append((match[1], labels, float(match[3])))
    return samples


def value(samples: Samples, name: str, **labels: str) -> float:
    (found,) = [v for n, own, v in samples if n == f"payer_gateway_{name}" and own == labels]
    return found


def firing(samples: Samples) -> set[str]:
    """The alerts whose expression holds; ``for`` is Prometheus' patience, not the rule's sense."""
    found = set()
    for rule in RULES:
        match = COMPARED.fullmatch(rule["expr"])
        assert match is not None, rule["expr"]
        name, label, wanted, sign, bound = match.groups()
        for metric, labels, sample in samples:
            if metric != name or (label is not None and labels.get(label) != wanted):
                continue
            if sample > float(bound) if sign == ">" else sample < float(bound):
                found.add(rule["alert"])
    return found


def at_work(services: Services) -> None:
    """As if a worker process had left its mark just now."""
    Pulse(services, "machine:1").beat()


def long_ago(services: Services, table: str, *columns: str) -> None:
    """Date these instants of every row to many days ago."""
    then = datetime(2026, 1, 1, tzinfo=UTC)
    with services.database.write() as work:
        aged = tables.metadata.tables[table].update()
        work.conn.execute(aged.values(dict.fromkeys(columns, then)))


def _no_worker(services: Services) -> None:
    with services.database.read() as work:
        assert workers.at_work(work) == []


def _worker_gone(services: Services) -> None:
    at_work(services)
    long_ago(services, "worker", "seen_at")


def _taken_in(services: Services) -> None:
    a_submission(services)


def _not_picked(services: Services) -> None:
    a_submission(services)
    long_ago(services, "submission", "next_at")


def _in_doubt(services: Services) -> None:
    a_submission(services)
    delivery.send_one(services, "w")
    long_ago(services, "submission", "settle_from")


def _rejected(services: Services) -> None:
    a_submission(services)
    delivery.send_one(services, "w")


def _needs_person(services: Services) -> None:
    _rejected(services)


def _paused(services: Services) -> None:
    a_submission(services)
    steering.set_mode(services, OPS, "northwind-ppo", "paused", "night")


def _unanswered(services: Services) -> None:
    a_submission(services)
    delivery.send_one(services, "w")
    long_ago(services, "submission", "closed_at")


def _unknown_answer(services: Services) -> None:
    a_submission(services)
    bring(services, response("https://payer-gateway.example/claim|1"))


# alert → how it comes about, and how the insurer behaves
SITUATIONS: dict[str, tuple[Callable[[Services], None], Callable[[str, str], bytes | None]]] = {
    "PayerGatewayNoWorker": (_no_worker, decides_nothing),
    "PayerGatewayWorkerGone": (_worker_gone, decides_nothing),
    "PayerGatewayNotPicked": (_not_picked, decides_nothing),
    "PayerGatewayInDoubtTooLong": (_in_doubt, lambda *_: None),
    "PayerGatewayNeedsPerson": (
        _needs_person,
        lambda *_: answer(b'{"resourceType":"Patient"}'),
    ),
    "PayerGatewayRejected": (_rejected, lambda *_: answer(b"{}", "422 Unprocessable")),
    "PayerGatewayBreakerOpen": (_rejected, lambda *_: answer(b"{}", "401 Unauthorized")),
    "PayerGatewayInsurerPaused": (_paused, decides_nothing),
    "PayerGatewayNoAddress": (_taken_in, decides_nothing),
    "PayerGatewayUnanswered": (_unanswered, decides_nothing),
    "PayerGatewayUnknownAnswer": (_unknown_answer, decides_nothing),
}


def test_every_rule_is_whole_and_has_its_situation_here() -> None:
    assert {rule["alert"] for rule in RULES} == SITUATIONS.keys()
    for rule in RULES:
        assert re.fullmatch(r"\d+[mhd]", rule["for"]), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "warn")
        assert rule["annotations"]["summary"]


@pytest.mark.parametrize("alert", SITUATIONS)
def test_an_alert_fires_when_its_situation_comes_about(build: Build, alert: str) -> None:
    brought_about, behaves = SITUATIONS[alert]
    insurer = RawInsurer(behaves)
    try:
        is_addressed = alert != "PayerGatewayNoAddress"
        insurers = ("northwind-ppo",) if is_addressed else ()
        services = build(url=insurer.url, insurers=insurers, lease=30.0)
        if alert not in ("PayerGatewayNoWorker", "PayerGatewayWorkerGone"):
            at_work(services)
        brought_about(services)

        fired = firing(scraped(services))
    finally:
        insurer.close()

    expected = {alert}
    if alert == "PayerGatewayWorkerGone":
        expected.add("PayerGatewayNoWorker")
    assert fired == expected


def test_a_healthy_house_is_quiet(services: Services, insurer: SandboxInsurer) -> None:
    a_submission(services)
    deliver(services)
    at_work(services)

    samples = scraped(services)

    assert firing(samples) == set()
    assert value(samples, "accepted_total", insurer="northwind-ppo") == 1
    sends = {"insurer": "northwind-ppo", "class": "accepted"}
    assert value(samples, "sends_total", **sends) == 1
    assert value(samples, "workers") == 1


def test_counters_go_on_when_they_have_been_added_up(services: Services) -> None:
    a_submission(services, REJECTED)
    deliver(services)
    before = scraped(services)
    with services.database.write() as work:
        work.conn.execute(text("UPDATE move_tally_mark SET upto = 0"))
        tallies.roll(work)
        waiting_still = work.conn.execute(text("SELECT upto FROM move_tally_mark")).scalar_one()
        # Five minutes later, as the roll sees them.
        settled = tallies.SETTLED_AFTER
    assert waiting_still == 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tallies, "SETTLED_AFTER", settled * -1)
        with services.database.write() as work:
            tallies.roll(work)
            tallies.roll(work)
    a_submission(services, REJECTED)
    deliver(services)

    after = scraped(services)
    assert value(before, "rejected_total", insurer="northwind-ppo") == 1
    assert value(after, "rejected_total", insurer="northwind-ppo") == 2
    rejected = {"insurer": "northwind-ppo", "state": "rejected"}
    assert value(after, "submissions", **rejected) == 2


def test_a_tenant_sees_its_own_claims_only(services: Services) -> None:
    a_submission(services)

    elsewhere = scraped(services, Principal("elsewhere", Role.OPS, "local:ana"))

    assert not any("insurer" in labels for _, labels, _ in elsewhere)
