"""Insurer profiles: one frozen version of one insurer's mapping file, dialect included, as values.

``Shelf`` is the folder ``mappings/``; a ``Profile`` is what the rest of the house asks.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from payer_gateway.domain.claim import Use
from payer_gateway.domain.consultation import Identifier, Service
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.money import Money
from payer_gateway.domain.submission import OutcomeClass
from payer_gateway.mapping.delivery import Delivery, deliveries_of, delivery_json
from payer_gateway.mapping.facts_people import Teller
from payer_gateway.mapping.grammar import UNSUPPORTED, CodeTable
from payer_gateway.mapping.profile_file import (
    Document,
    check_dialect_file,
    check_insurer_file,
    dialect_names,
    file_label,
    inherit,
    meaning,
    refuse_unfit,
    resolve,
)
from payer_gateway.mapping.released import digest_of, read_released, refuse_changed
from payer_gateway.mapping.speech import Speech, speech
from payer_gateway.mapping.yamlfile import load_yaml


@dataclass(frozen=True, slots=True)
class Profile:
    """One version of one insurer's mapping. ``digest`` covers its file and its dialects."""

    name: str
    version: int
    digest: str
    stage: Literal["test", "live"]
    aliases: tuple[str, ...]
    use_from: date
    payer_name: str
    payer_identifier: Identifier
    zone: ZoneInfo
    delivery: Delivery  # of claims, and of all that does not differ by use
    deliveries: Mapping[Use, Delivery] = field(repr=False)
    codes: Mapping[str, CodeTable] = field(repr=False)
    fees: Mapping[str, Money]
    status_overrides: Mapping[int, OutcomeClass]
    speeches: Mapping[Use, Speech] = field(repr=False)
    file: str
    _resolved: Document = field(repr=False)

    @property
    def teller(self) -> Teller:
        return Teller(self.payer_name, self.payer_identifier, self.zone, self.stage == "test")

    def for_use(self, use: Use) -> Profile:
        """This version as it holds for one use: ``delivery`` is the one of that use."""
        delivery = self.deliveries[use]
        if delivery is self.delivery:
            return self
        return dataclasses.replace(self, delivery=delivery)

    def agreed_fee(self, services: Iterable[Service]) -> Money | None:
        """What the insurer has agreed to allow for all of these; None unless every one of them has
        a fee in its own currency."""
        total: Money | None = None
        for service in services:
            fee = self.fees.get(service.code)
            if fee is None or fee.currency != service.unit_price.currency:
                return None
            line = fee.times(service.quantity)
            total = line if total is None else total + line
        return total

    def resolved(self) -> Document:
        """All that the short file means, as JSON-able values (amounts as Decimal)."""
        return {**self._resolved, "digest": self.digest}


class Shelf:
    """The mapping files of one folder. Each version is read once: a released file never changes."""

    def __init__(self, mappings: Path) -> None:
        self.mappings = mappings
        self._insurers = mappings / "insurers"
        self._dialects = mappings / "dialects"
        self._read: dict[tuple[str, int], Profile] = {}
        self._versions: dict[str, tuple[tuple[date, int], ...]] = {}
        self._called: dict[str, str | MappingError] | None = None
        self._frozen: Mapping[str, str] | None = None

    def names(self) -> list[str]:
        """Every insurer with at least one version."""
        return sorted({path.parent.name for path in self._insurers.glob("*/v*.yaml")})

    def versions(self, name: str) -> list[int]:
        return [number for _, number in sorted(self._dated(name), key=lambda each: each[1])]

    def find(self, name_or_alias: str) -> str:
        """The insurer's name for its name or an alias, case apart. Raises MappingError, also for a
        name that two insurers go by: nobody's claims go to whichever comes first."""
        if self._called is None:
            self._called = self._read_names()
        found = self._called.get(name_or_alias.strip().casefold())
        if found is None:
            unread = "".join(f"; and this file cannot be used: {each}" for each in self._broken())
            raise MappingError(
                f"no insurer is called {name_or_alias!r} (known: {', '.join(self.names())});"
                f" add mappings/insurers/<name>/v1.yaml or an alias{unread}"
            )
        if isinstance(found, MappingError):
            raise found
        return found

    def clashes(self, name: str) -> list[str]:
        """What is wrong with the aliases of this insurer: those by which another one goes."""
        self._called = self._called or self._read_names()
        said = [self._called.get(each.strip().casefold()) for each in self._aliases_of(name)]
        return [
            str(self._clash(name, alias, found) if isinstance(found, str) else found)
            for alias, found in zip(self._aliases_of(name), said, strict=True)
            if found is not None and found != name
        ]

    def _read_names(self) -> dict[str, str | MappingError]:
        """One whose file is broken has its name still, and nobody else's claims wait for it to be
        mended; nor do they for an alias that two have. A name wins over another's alias."""
        known: dict[str, str | MappingError] = {each.casefold(): each for each in self.names()}
        owners = dict(known)
        for name in self.names():
            for alias in self._aliases_of(name):
                key = alias.strip().casefold()
                owner = owners.setdefault(key, name)
                if owner == name:
                    known.setdefault(key, name)
                elif known[key] == owner and key != str(owner).casefold():
                    known[key] = self._clash(name, alias, str(owner))
        return known

    def _clash(self, name: str, alias: str, owner: str) -> MappingError:
        where = self._label(self._path(name, max(self._numbers(name))))
        return MappingError(
            f"{where}: aliases: {alias!r} already means {owner}; remove it from one of them"
        )

    def _aliases_of(self, name: str) -> tuple[str, ...]:
        """As the newest file says them, which is not checked here: whoever asks for a name may
        need nothing else of it."""
        try:
            found = self.document(self._path(name, max(self._numbers(name)))).get("aliases")
        except MappingError:
            return ()
        return tuple(map(str, found)) if isinstance(found, list) else ()

    def _broken(self) -> Iterator[MappingError]:
        for name in self.names():
            try:
                self.profile(name)
            except MappingError as error:
                yield error

    def profile(self, name: str, on: date | None = None) -> Profile:
        """The highest version in use on that day (the highest of all without a day)."""
        usable = [number for day, number in self._dated(name) if on is None or day <= on]
        if not usable:
            raise MappingError(
                f"mappings/insurers/{name}: no version is in use on {on}; add one with an earlier"
                " use_from"
            )
        return self.version(name, max(usable))

    def version(self, name: str, number: int) -> Profile:
        key = (name, number)
        if key not in self._read:
            self._read[key] = self._load(name, number)
        return self._read[key]

    def document(self, path: Path) -> Document:
        """One file as it stands there; the only place where this class reads the disk."""
        return load_yaml(path)

    def released(self) -> Mapping[str, str]:
        """Released versions and their digests, as the list in the folder has them."""
        if self._frozen is None:
            self._frozen = read_released(self.mappings)
        return self._frozen

    def _dated(self, name: str) -> tuple[tuple[date, int], ...]:
        """(in use from, version) of every version, read once."""
        if name not in self._versions:
            self._versions[name] = tuple(
                (self.version(name, n).use_from, n) for n in self._numbers(name)
            )
        return self._versions[name]

    def _numbers(self, name: str) -> list[int]:
        numbers = []
        for path in sorted((self._insurers / name).glob("*.y*ml")):
            match = re.fullmatch(r"v([1-9][0-9]{0,3})\.yaml", path.name)
            if match is None:
                raise MappingError(f"{self._label(path)}: name it v1.yaml, v2.yaml, …")
            numbers.append(int(match[1]))
        if not numbers:
            raise MappingError(
                f"no insurer is called {name!r} (known: {', '.join(self.names())});"
                f" add mappings/insurers/{name}/v1.yaml"
            )
        return numbers

    def _path(self, name: str, number: int) -> Path:
        return self._insurers / name / f"v{number}.yaml"

    def _label(self, path: Path) -> str:
        return file_label(path, self.mappings)

    def _load(self, name: str, number: int) -> Profile:
        path = self._path(name, number)
        where = self._label(path)
        document = self.document(path)
        check_insurer_file(document, where, name, number)
        uses: dict[Use, Document] = {}
        written: dict[str, Document] = {}
        for use, dialect_name in dialect_names(document).items():
            if dialect_name not in written:
                written[dialect_name] = self.dialect(dialect_name, f"{where}: extends.{use}")
            uses[use] = resolve(document, written[dialect_name], use, where)
        refuse_unfit(document, uses, where)
        digest = digest_of(
            {
                "insurer": meaning(document),
                "dialects": {name: meaning(each) for name, each in written.items()},
            }
        )
        refuse_changed(self.released(), f"insurers/{name}/v{number}", digest, where)
        return _profile(document, where, uses, digest)

    def dialect(self, name: str, said_in: str) -> Document:
        """One dialect, whole: with what it takes from the dialect that it extends."""
        document = self._dialect_file(name, said_in)
        where = self._label(self._dialects / f"{name}.yaml")
        if "extends" in document:
            document = inherit(document, self._base(document["extends"], where), where)
        check_dialect_file(document, where, name)
        return document

    def _base(self, name: object, where: str) -> Document:
        """The dialect that another one extends: whole in its own file."""
        if not isinstance(name, str):
            raise MappingError(f"{where}: extends: write the name of one dialect")
        document = self._dialect_file(name, f"{where}: extends")
        if "extends" in document:
            raise MappingError(
                f"{where}: extends: {name} extends another dialect itself; name one that is whole"
            )
        check_dialect_file(document, self._label(self._dialects / f"{name}.yaml"), name)
        return document

    def _dialect_file(self, name: str, said_in: str) -> Document:
        path = self._dialects / f"{name}.yaml"
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) or not path.exists():
            known = ", ".join(sorted(each.stem for each in self._dialects.glob("*.yaml")))
            raise MappingError(
                f"{said_in}: there is no dialect {name!r}; write one of {known}, or add its file to"
                " mappings/dialects"
            )
        return self.document(path)


def _profile(document: Document, where: str, uses: Mapping[Use, Document], digest: str) -> Profile:
    deliveries = deliveries_of(document["delivery"], where)
    delivery = deliveries[Use.CLAIM]
    zone = _zone(document["zone"], where)
    fees = {
        service: _fee(text, f"{where}: fees.{service}")
        for service, text in document.get("fees", {}).items()
    }
    if len({fee.currency for fee in fees.values()}) > 1:
        raise MappingError(f"{where}: fees: write all of them in one currency")
    payer = document["payer"]
    claims, asked = uses[Use.CLAIM], uses[Use.PREAUTHORIZATION]
    speeches = {Use.CLAIM: speech(claims, where)}
    # Compiled once where both uses are told alike.
    speeches[Use.PREAUTHORIZATION] = (
        speeches[Use.CLAIM] if asked == claims else speech(asked, where)
    )
    theirs = uses[Use.CLAIM]["codes"].get("service", {}).get("values", {})
    for service in fees:
        if theirs.get(service, UNSUPPORTED) == UNSUPPORTED:
            raise MappingError(f"{where}: fees.{service}: codes.service has no such service")
    resolved: Document = {
        "profile": document["profile"],
        "version": int(document["version"]),
        "stage": document["stage"],
        "aliases": document["aliases"],
        "use_from": document["use_from"],
        "changes": document["changes"],
        "payer": payer,
        "zone": document["zone"],
        "delivery": delivery_json(delivery),
        "deliveries": {use.value: delivery_json(each) for use, each in deliveries.items()},
        "codes": uses[Use.CLAIM]["codes"],
        # By the insurer's own codes: so its side of the exchange (the sandbox) can read them.
        "fees": {theirs[service]: fee.amount for service, fee in fees.items()},
        "fee_currency": next((fee.currency for fee in fees.values()), None),
        "statuses": document.get("statuses", {}),
        "uses": {use.value: each for use, each in uses.items()},
    }
    return Profile(
        name=document["profile"],
        version=int(document["version"]),
        digest=digest,
        stage=document["stage"],
        aliases=tuple(document["aliases"]),
        use_from=_day(document["use_from"], f"{where}: use_from"),
        payer_name=payer["name"],
        payer_identifier=Identifier(payer["identifier"]["system"], payer["identifier"]["value"]),
        zone=zone,
        delivery=delivery,
        deliveries=deliveries,
        codes=speeches[Use.CLAIM].codes,
        fees=fees,
        status_overrides={
            int(status): OutcomeClass(text) for status, text in resolved["statuses"].items()
        },
        speeches=speeches,
        file=where,
        _resolved=resolved,
    )


def _zone(text: str, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MappingError(
            f"{where}: zone: {text!r} is no time zone; write one such as America/New_York"
        ) from None


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise MappingError(f"{where}: {text!r} is no day; write YYYY-MM-DD") from None


def _fee(text: str, where: str) -> Money:
    amount, currency = text.split(" ")
    try:
        return Money(Decimal(amount), currency)
    except ValueError as error:
        raise MappingError(f"{where}: {error}; write it as 420.00 USD") from None
