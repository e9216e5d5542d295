"""What is charged: a line for every service, but one for all that a case rate takes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from payer_gateway.domain.consultation import Service
from payer_gateway.mapping.facts_people import Facts


def charges_of(lines: Sequence[Facts], services: Sequence[Service]) -> list[Facts]:
    """The lines in order, those of one case rate as the parts of one, which stands where its first
    part stood. Nothing is priced here: the price of the whole is the sum of its parts."""
    parts: dict[str, list[tuple[Facts, Service]]] = {}
    for line, service in zip(lines, services, strict=True):
        parts.setdefault(service.case_rate or f"line {line['number']}", []).append((line, service))
    return [_charge(number, held) for number, held in enumerate(parts.values(), start=1)]


def _charge(number: int, held: Sequence[tuple[Facts, Service]]) -> Facts:
    first, service = held[0]
    if service.case_rate is None:
        bare: Facts = {"case_rate": None, "first_day": None, "last_day": None, "parts": []}
        return {**first, "number": number, **bare}
    lines: list[dict[str, Any]] = [line for line, _ in held]
    days = sorted({line["day"] for line in lines})
    places = {line["place"] for line in lines}
    net = service.net
    for _, other in held[1:]:
        net = net + other.net
    return {
        "number": number,
        "case_rate": service.case_rate,
        "service": None,
        "trace": first["trace"],
        "modifiers": [],
        # FHIR R4 knows no place and no day of a part: those of the whole, where it has one.
        "place": places.pop() if len(places) == 1 else None,
        "day": days[0] if len(days) == 1 else None,
        "first_day": days[0] if len(days) > 1 else None,
        "last_day": days[-1] if len(days) > 1 else None,
        "quantity": 1,
        "unit_price": net,
        "net": net,
        "care_team": list(dict.fromkeys(n for line in lines for n in line["care_team"])),
        "parts": [{**line, "number": n} for n, line in enumerate(lines, start=1)],
    }
