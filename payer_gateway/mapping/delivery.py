"""How an insurer is reached and treated: the ``delivery`` part of its file."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from payer_gateway.domain.claim import Use
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.exchange import OUR_HEADERS
from payer_gateway.mapping.profile_file import Document

_LIST = "Claim?created=ge{from}&created=le{to}"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Delivery:
    """How this insurer is reached and treated for one use. ``inquire`` and ``answer`` are searches
    with ``{identifier}`` in them or operations (``POST path``), None when the insurer cannot be
    asked. Times are seconds."""

    submit_path: str
    inquire: str | None
    answer: str | None
    listing: str | None  # a search with {from} and {to}: the claims of some days
    idempotency_header: str | None
    conditional_create: bool
    timeout_s: int
    settle_s: int
    key_after_reject: Literal["new", "same"]
    retry_after_s: tuple[int, ...]
    max_inflight: int
    rate_per_s: Decimal | None
    calling_hours: tuple[str, str] | None  # "08:00", "18:00" in the insurer's zone
    adjudication_poll_s: int
    filing_days: int


def deliveries_of(d: Document, where: str) -> dict[Use, Delivery]:
    """What differs for prior authorizations laid over what holds for claims."""
    own = d.get(Use.PREAUTHORIZATION.value, {})
    return {
        Use.CLAIM: _delivery(d, where),
        Use.PREAUTHORIZATION: _delivery({**d, **own}, where),
    }


def _delivery(d: Document, where: str) -> Delivery:
    hours = _none(d["calling_hours"])
    delivery = Delivery(
        submit_path=d["submit"],
        inquire=_none(d["inquire"]),
        answer=_none(d["answer"]),
        # Base R4; who cannot be searched at all lists nothing either.
        listing=_none(d.get("list", "none" if d["inquire"] == "none" else _LIST)),
        idempotency_header=_none(d["idempotency_header"]),
        conditional_create=d["conditional_create"] == "yes",
        timeout_s=_seconds(d["timeout"]),
        settle_s=_seconds(d["settle"]),
        key_after_reject=d["key_after_reject"],
        retry_after_s=tuple(_seconds(each) for each in d["retry_after"]),
        max_inflight=int(d["max_inflight"]),
        rate_per_s=_rate(d["rate"]),
        calling_hours=None if hours is None else (hours[:5], hours[6:]),
        adjudication_poll_s=_seconds(d["adjudication_poll"]),
        filing_days=int(d["filing_days"]),
    )
    if delivery.settle_s <= delivery.timeout_s:
        raise MappingError(
            f"{where}: delivery.settle: write more than the timeout; the insurer may still book"
        )
    header = delivery.idempotency_header or ""
    if header.lower() in OUR_HEADERS:
        raise MappingError(
            f"{where}: delivery.idempotency_header: {header} is set by the gateway; write another"
            " one, such as Idempotency-Key, or none"
        )
    return delivery


def delivery_json(delivery: Delivery) -> Document:
    hours = delivery.calling_hours
    return {
        **{name: getattr(delivery, name) for name in Delivery.__slots__},
        "retry_after_s": list(delivery.retry_after_s),
        "calling_hours": None if hours is None else "-".join(hours),
    }


def _none(text: str) -> str | None:
    return None if text == "none" else text


def _seconds(text: str) -> int:
    return int(text[:-1]) * _SECONDS[text[-1]]


def _rate(text: str) -> Decimal | None:
    if text == "none":
        return None
    number, _, unit = text.partition("/")
    return Decimal(number) / _SECONDS[unit]
