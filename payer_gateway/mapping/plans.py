"""Plans: benefit files under ``mappings/plans/<name>/vN.yaml``, checked and frozen."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import fastjsonschema

from payer_gateway.codes.sets import complex_surgery_groups
from payer_gateway.domain.errors import MappingError
from payer_gateway.domain.money import MINOR_DIGITS
from payer_gateway.domain.plan import (
    Benefit,
    ConditionWaiting,
    CostShare,
    Dependents,
    Limit,
    Mandate,
    Plan,
    ThirdOpinion,
)
from payer_gateway.mapping.canonical import shorten
from payer_gateway.mapping.released import digest_of, read_released, refuse_changed
from payer_gateway.mapping.yamlfile import load_yaml

_VERSION = re.compile(r"v([1-9][0-9]{0,5})\.yaml")
# An operation in question is the narrower ground: it is asked for before the diagnosis alone.
_DEFAULT_ORDER = ("complex_surgery", "oncology")


_TICK_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class _Newest:
    """The plan that a folder's highest version was, when the folder last changed."""

    folder: Path
    changed: int
    plan: Plan


def _changed(folder: Path) -> int:
    """When a file was last put into the folder or taken out, in nanoseconds; -1: it is gone."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return -1


class PlanShelf:
    """All plans of one mappings folder.

    A version is frozen: a file is read once per shelf, and what changes a plan is a new vN.yaml,
    which is seen at once.
    """

    def __init__(self, mappings: Path) -> None:
        self.mappings = mappings
        self._folder = mappings / "plans"
        self._read: dict[tuple[str, int], Plan] = {}
        self._newest: dict[str, _Newest] = {}
        self._frozen: Mapping[str, str] | None = None

    def names(self) -> tuple[str, ...]:
        """Names of all plans as their folders spell them (lower case)."""
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(f.name for f in self._folder.iterdir() if _versions(f)))

    def plan(self, name: str) -> Plan:
        """The highest version of the plan; upper and lower case are alike.

        Raises MappingError when there is no such plan or its file is wrong.
        """
        wanted = name.strip().lower()
        seen = self._newest.get(wanted)
        if seen is not None and seen.changed == _changed(seen.folder):
            return seen.plan
        known = self.names()
        # The name comes from outside: it is looked for among the folders, never joined to a path.
        if wanted not in known:
            raise MappingError(
                f"no plan is named {shorten(name)!r}; write one of {', '.join(known) or '(none)'},"
                " or add mappings/plans/<name>/v1.yaml"
            )
        folder = self._folder / wanted
        changed = _changed(folder)
        version = max(_versions(folder))
        if (wanted, version) not in self._read:
            self._read[wanted, version] = self._load(wanted, version)
        plan = self._read[wanted, version]
        # A file put in within the same tick of the file system's clock would not be noticed.
        if time.time_ns() - changed > _TICK_NS:
            self._newest[wanted] = _Newest(folder, changed, plan)
        return plan

    def keys(self, name: str) -> dict[str, Any]:
        """The keys of the plan's highest version with all that it inherits, as the file spells
        them. Raises MappingError as ``plan`` does."""
        plan = self.plan(name)
        return self._resolved(plan.name.lower(), plan.version, ())

    def file(self, name: str) -> Path:
        """The file of the plan's highest version. Raises MappingError as ``plan`` does."""
        plan = self.plan(name)
        return self._path(plan.name.lower(), plan.version)

    def repeated(self, name: str) -> tuple[str, ...]:
        """Keys of the plan's own file that say what it inherits anyway. Raises MappingError as
        ``plan`` does."""
        path = self.file(name)
        own = load_yaml(path)
        if "inherit" not in own:
            return ()
        inherited = self._resolved(*self._parent(path, own["inherit"]), ())
        return tuple(key for key in own if own[key] == inherited.get(key))

    def released(self) -> Mapping[str, str]:
        """Released versions and their digests, as the list in the folder has them."""
        if self._frozen is None:
            self._frozen = read_released(self._folder.parent)
        return self._frozen

    def _load(self, name: str, version: int) -> Plan:
        resolved, path = self._resolved(name, version, ()), self._path(name, version)
        plan = plan_from(path, resolved, name.upper(), version)
        refuse_changed(self.released(), f"plans/{name}/v{version}", plan.digest, str(path))
        return plan

    def _path(self, name: str, version: int) -> Path:
        return self._folder / name / f"v{version}.yaml"

    def _resolved(self, name: str, version: int, heirs: tuple[str, ...]) -> dict[str, Any]:
        """The file with what it inherits: a top-level key of its own replaces the whole key."""
        path = self._path(name, version)
        own = load_yaml(path)
        if "inherit" not in own:
            return own
        asked = own.pop("inherit")
        parent, parent_version = self._parent(path, asked)
        here = f"{name}/v{version}"
        if f"{parent}/v{parent_version}" in (*heirs, here):
            raise _wrong(path, "inherit", asked, "plans inherit in a circle; take one out")
        return {**self._resolved(parent, parent_version, (*heirs, here)), **own}

    def _parent(self, path: Path, asked: object) -> tuple[str, int]:
        match = re.fullmatch(r"(\S+)/v([1-9][0-9]{0,5})", asked) if isinstance(asked, str) else None
        if match is None:
            cure = "write a plan and its version: <plan>/v1"
            raise _wrong(path, "inherit", asked, cure)
        parent, version = match[1].lower(), int(match[2])
        if parent not in self.names() or version not in _versions(self._folder / parent):
            known = ", ".join(self.names())
            raise _wrong(path, "inherit", asked, f"no such file; plans known here: {known}")
        return parent, version


def plan_from(source: Path, keys: dict[str, Any], name: str, version: int) -> Plan:
    """The plan that resolved keys describe; ``source`` is where they stand, for what is said of
    wrong ones. Raises MappingError."""
    _check(source, keys)
    return _Reader(source, keys).plan(name, version, digest_of(keys))


def _versions(folder: Path) -> tuple[int, ...]:
    if not folder.is_dir():
        return ()
    matches = (_VERSION.fullmatch(file.name) for file in folder.iterdir())
    return tuple(int(m[1]) for m in matches if m)


def _wrong(path: Path, key: str, value: object, cure: str) -> MappingError:
    shown = shorten(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return MappingError(f"{path}: {key}: {shown!r}: {cure}")


@cache
def _schema() -> Callable[[object], object]:
    text = (files("payer_gateway.mapping") / "schemas" / "plan.schema.json").read_text("utf-8")
    checked: Callable[[object], object] = fastjsonschema.compile(json.loads(text))
    return checked


def _check(path: Path, resolved: dict[str, Any]) -> None:
    """Raise MappingError with file, key, value and cure for the first thing the schema refuses."""
    try:
        _schema()(resolved)
    except fastjsonschema.JsonSchemaValueException as error:
        key = ".".join(str(step) for step in error.path[1:])
        raise _wrong(path, key or "(top)", error.value, _cure(error)) from None


def _cure(error: Any) -> str:
    """What to do about one broken rule of the schema."""
    rule, asked, definition = error.rule, error.rule_definition, error.definition
    if rule == "additionalProperties":
        known = sorted(definition.get("properties", {}))
        extra = ", ".join(sorted(set(error.value) - set(known)))
        if "title" in definition:  # the file as a whole, whose inherit is gone by now
            known = ["inherit", *known]
        return f"remove {extra}; known here: {', '.join(known)}"
    if rule == "required":
        missing = ", ".join(key for key in asked if key not in error.value)
        return f"add {missing}"
    if rule == "enum":
        return f"write {' or '.join(asked)}"
    if rule == "pattern":
        return f"write text of the form {asked}"
    if rule == "type":
        kinds = {"object": "'key: value' lines", "array": "a list", "string": "one value"}
        return f"write {kinds.get(asked, asked)}"
    if rule == "anyOf":
        return "write calendar, or {starts: 'MM-DD'}"
    if rule == "uniqueItems":
        return "write each entry once"
    if rule == "propertyNames":
        return f"name a benefit in the form {definition['propertyNames']['pattern']}"
    return f"keep to {rule}: {asked}"


class _Reader:
    """Reads values that the schema has let through; checks what a schema cannot say."""

    def __init__(self, path: Path, keys: Mapping[str, Any]) -> None:
        self._path, self._keys = path, keys

    def plan(self, name: str, version: int, digest: str) -> Plan:
        keys = self._keys
        self._currency = keys["currency"]
        if self._currency not in MINOR_DIGITS:
            raise self._bad("currency", self._currency, "write a currency of ISO 4217, such as USD")
        benefits = {n: self._benefit(n, b) for n, b in keys["benefits"].items()}
        independence = keys.get("independence", {})
        borders = keys.get("cross_border")
        return Plan(
            name=name,
            version=version,
            digest=digest,
            currency=self._currency,
            zone=self._zone(keys["timezone"]),
            year_starts=self._year(keys["year"]),
            benefits=benefits,
            benefit_order=self._order(benefits),
            limits=tuple(self._limit(n, each) for n, each in enumerate(keys.get("limits", []))),
            cost={tier: self._share(tier, each) for tier, each in keys.get("cost", {}).items()},
            same_npi_denied=independence.get("same_npi") == "deny",
            same_organization_denied=independence.get("same_tin_group") == "deny",
            must_precede_surgery=keys.get("must_precede_surgery") == "true",
            excluded_diagnoses=tuple(keys.get("excluded_diagnoses", ())),
            cross_border_allowed=None if borders is None else tuple(borders["allowed"]),
            waiting_period_days=int(keys.get("waiting_period_days", "0")),
            performing_surgeon_denied=independence.get("performing_surgeon") == "deny",
            third_opinion=ThirdOpinion(keys.get("third_opinion", "always")),
            opinion_valid_days=self._days("opinion_valid_days"),
            cancer_mandate=keys.get("cancer_mandate_oon_in_network_cost") == "true",
            dependents=self._dependents(keys.get("dependents")),
            languages_supported=tuple((borders or {}).get("languages_supported", ())),
            hybrid_window_days=self._days("hybrid_window_days"),
            licence_where_patient_is=(
                keys.get("telehealth_requires_license_where_patient_is") == "true"
            ),
            initial_waiting_days=int(keys.get("initial_waiting_days", "0")),
            condition_waiting=tuple(
                ConditionWaiting(tuple(each["prefix"]), int(each["months"]))
                for each in keys.get("condition_waiting", ())
            ),
            mandate=self._mandate(keys.get("mandatory_second_opinion")),
            suspected_cancer=keys.get("suspected_cancer") == "true",
        )

    def _days(self, key: str) -> int | None:
        return int(self._keys[key]) if key in self._keys else None

    def _dependents(self, keys: Mapping[str, Any] | None) -> Dependents | None:
        if keys is None:
            return None
        exempt = keys.get("disabled_exempt") == "true"
        return Dependents(int(keys["age_limit"]), keys["ends"], exempt)

    def _mandate(self, keys: Mapping[str, Any] | None) -> Mandate | None:
        if keys is None:
            return None
        where = "mandatory_second_opinion"
        groups = set(complex_surgery_groups().values())
        for group in keys["procedure_groups"]:
            if group not in groups:
                cure = f"write groups of complex surgery: {', '.join(sorted(groups))}"
                raise self._bad(f"{where}.procedure_groups", group, cure)
        cap = keys.get("penalty_cap")
        return Mandate(
            procedure_groups=frozenset(keys["procedure_groups"]),
            exempt_urgency=frozenset(keys.get("exempt_urgency", ())),
            penalty_pct=self._percent(f"{where}.penalty_pct", keys["penalty_pct"]),
            penalty_cap=None if cap is None else self._amount(f"{where}.penalty_cap", cap),
        )

    def _percent(self, key: str, text: str) -> Decimal:
        percent = Decimal(text)
        if percent > 100:
            raise self._bad(key, text, "write a percentage from 0 to 100")
        return percent

    def _bad(self, key: str, value: object, cure: str) -> MappingError:
        return _wrong(self._path, key, value, cure)

    def _zone(self, name: str) -> ZoneInfo:
        try:
            return ZoneInfo(name)
        except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a KeyError
            cure = "write a zone of the IANA database, such as America/New_York"
            raise self._bad("timezone", name, cure) from None

    def _year(self, year: Any) -> tuple[int, int]:
        if year == "calendar":
            return 1, 1
        month, day = (int(part) for part in year["starts"].split("-"))
        try:
            date(2025, month, day)  # no leap year: a benefit year must be able to start every year
        except ValueError:
            cure = "write a month and day that every year has, such as 04-01"
            raise self._bad("year.starts", year["starts"], cure) from None
        return month, day

    def _benefit(self, name: str, keys: Mapping[str, Any]) -> Benefit:
        return Benefit(
            name=name,
            categories=tuple(keys["categories"]),
            modes=tuple(keys["modes"]),
            coe_required=keys.get("coe_required") == "true",
            auth=frozenset(keys.get("auth", {})),
        )

    def _order(self, benefits: Mapping[str, Benefit]) -> tuple[str, ...]:
        asked = self._keys.get("benefit_order", [n for n in _DEFAULT_ORDER if n in benefits])
        for name in asked:
            if name not in benefits:
                cure = f"name benefits of this plan: {', '.join(benefits)}"
                raise self._bad("benefit_order", name, cure)
        return (*asked, *(name for name in benefits if name not in asked))

    def _limit(self, n: int, keys: Mapping[str, Any]) -> Limit:
        key = f"limits.{n}"
        if keys["unit"] == "amount":
            if "max" not in keys or {"max_second", "max_third"} & keys.keys():
                raise self._bad(key, dict(keys), "write max, and no other, for the unit amount")
            maximum = self._amount(f"{key}.max", keys["max"])
            return Limit("amount", keys["per"], None, None, maximum, keys.get("term", "annual"))
        if "max" in keys or not {"max_second", "max_third"} & keys.keys():
            cure = "write max_second, max_third or both, for the unit opinion"
            raise self._bad(key, dict(keys), cure)
        second, third = (
            int(keys[each]) if each in keys else None for each in ("max_second", "max_third")
        )
        return Limit("opinion", keys["per"], second, third, None, keys.get("term", "annual"))

    def _share(self, tier: str, keys: Mapping[str, Any]) -> CostShare:
        def amount(name: str, otherwise: str) -> Decimal:
            return self._amount(f"cost.{tier}.{name}", keys.get(name, otherwise))

        key = f"cost.{tier}.coinsurance_pct"
        percent = self._percent(key, keys.get("coinsurance_pct", "0"))
        copay = keys.get("copay", "0")
        applies = keys.get("deductible_applies", "true" if "deductible" in keys else "false")
        return CostShare(
            copay=amount("copay", copay),
            telemedicine_copay=amount("telemedicine_copay", copay),
            deductible=amount("deductible", "0"),
            deductible_applies=applies == "true",
            coinsurance_pct=percent,
        )

    def _amount(self, key: str, text: str) -> Decimal:
        amount, digits = Decimal(text), MINOR_DIGITS[self._currency]
        if amount != round(amount, digits):
            cure = f"write at most {digits} digits after the point; {self._currency} has no more"
            raise self._bad(key, text, cure)
        return amount
