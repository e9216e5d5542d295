"""An insurer's first file and the release of a version: ``mapping new`` and ``mapping release``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from payer_gateway.domain.errors import Conflict, MappingError
from payer_gateway.mapping.canonical import shorten
from payer_gateway.mapping.goldens import write_goldens
from payer_gateway.mapping.our_codes import OUR_CODES
from payer_gateway.mapping.profile import Profile, Shelf
from payer_gateway.mapping.profile_check import check
from payer_gateway.mapping.profile_file import HOLE
from payer_gateway.mapping.released import add_released
from payer_gateway.mapping.whole_files import write_whole

# What claims are sent as where the dialect named is one of prior authorization only.
CLAIMS = "base-r4"
FIRST_CASE = "oncology-by-video"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def new_insurer(mappings: Path, fixtures: Path, name: str, like: str) -> list[Path]:
    """Write version 1 of an insurer with a hole where only its engineer knows what to say, and the
    consultation of a first golden case; the files written.

    ``like`` is the dialect in which prior authorizations are asked for; claims go as plain FHIR R4.
    Raises MappingError for a name or dialect that cannot be, Conflict when the insurer is there.
    """
    if not _NAME.fullmatch(name):
        raise MappingError(
            f"{shorten(name)!r} is no name of an insurer: write lower-case letters, digits and"
            " single hyphens"
        )
    known = sorted(path.stem for path in (mappings / "dialects").glob("*.yaml"))
    if like not in known:
        raise MappingError(f"no dialect is called {shorten(like)!r}; write {' or '.join(known)}")
    shelf = Shelf(mappings)
    dialect, claims = shelf.dialect(like, "--like"), shelf.dialect(CLAIMS, "mapping new")
    file = mappings / "insurers" / name / "v1.yaml"
    case = fixtures / name / "v1" / FIRST_CASE / "consultation.json"
    for path in (file, case):
        if path.exists():
            raise Conflict(f"{path} is there already; edit it, or write v2.yaml if it is released")
    for path, text in ((file, _file(name, like, claims, dialect)), (case, _case(name))):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    return [file, case]


@dataclass(frozen=True, slots=True)
class Released:
    """``digests``: what was frozen now, by version. ``kept``: golden Bundles written for it."""

    digests: Mapping[str, str]
    kept: tuple[Path, ...]
    problems: tuple[str, ...]


def release(shelf: Shelf, mappings: Path, fixtures: Path, name: str) -> Released:
    """Freeze every version of the insurer that is not frozen yet.

    Golden cases that keep no Bundle yet get theirs first, so that a frozen version always says
    what it made. With any problem nothing is frozen and nothing written: what is mended next would
    be held against it.
    """
    fresh = [
        shelf.version(name, number)
        for number in shelf.versions(name)
        if f"insurers/{name}/v{number}" not in shelf.released()
    ]
    problems = (*check(shelf, name, fixtures).problems, *_without_goldens(fresh, fixtures))
    if problems:
        return Released({}, (), problems)
    kept: list[Path] = []
    for profile in fresh:
        kept += write_goldens(profile, fixtures, missing_only=True)
    digests = {f"insurers/{name}/v{profile.version}": profile.digest for profile in fresh}
    if digests:
        add_released(mappings, digests)
    return Released(digests, tuple(kept), ())


def _without_goldens(profiles: Iterable[Profile], fixtures: Path) -> Iterator[str]:
    """Nobody could tell later what such a version made."""
    for profile in profiles:
        folder = fixtures / profile.name / f"v{profile.version}"
        if not any(folder.glob("*/consultation.json")):
            yield (
                f"{profile.file}: it has no golden case; write {folder}/{FIRST_CASE}/"
                "consultation.json, or one by another name"
            )


def _case(name: str) -> str:
    text = files("payer_gateway.mapping").joinpath("first_case.json").read_text("utf-8")
    document = json.loads(text)
    document["coverages"][0]["insurer"] = name
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _file(
    name: str, like: str, claims: Mapping[str, Any], preauthorizations: Mapping[str, Any]
) -> str:
    setting = f"PAYER_GATEWAY_INSURER_{name.upper().replace('-', '_')}"
    services = "".join(f"      {code}: {HOLE}\n" for code in OUR_CODES["service"])
    return f"""\
# {name}: what this insurer does its own way. Every key: ../../README.md
# Write something for each {HOLE}. Its address and token stand in no file: {setting}_URL, …_TOKEN.
profile: {name}
extends: {{claim: {CLAIMS}, preauthorization: {like}}}
stage: test                         # live, once both sides have signed `insurer test`
aliases: []                         # further names by which consultations call it
version: 1
use_from: 2000-01-01                # for consultations requested on or after this day
changes: |
  1: first version.
payer:
  name: {HOLE}
  identifier: {{system: {HOLE}, value: {HOLE}}}
zone: {HOLE}                       # such as America/New_York: its days and filing deadlines
delivery:
  submit: Claim/$submit
  inquire: Claim?identifier={{identifier}}       # none: it cannot be asked, a person decides
  answer: ClaimResponse?request.identifier={{identifier}}
  idempotency_header: Idempotency-Key         # none: it takes no such header
  conditional_create: no
  timeout: 20s
  settle: 120s                      # longer than it may take to book after silence
  key_after_reject: new             # same: it forgets keys that it rejected
  retry_after: [30s, 2m, 10m, 30m, 2h, 6h, 12h, 24h]
  max_inflight: 4
  rate: none                        # or N/s, N/m
  calling_hours: none               # or 08:00-18:00, in its zone
  adjudication_poll: 1h
  filing_days: 365                  # days after the last service
{_asked(preauthorizations)}codes:
  service:                          # its code for each of our services, or unsupported
    system: {HOLE}
    values:
{services}{"".join(_tables(claims, preauthorizations))}"""


def _asked(preauthorizations: Mapping[str, Any]) -> str:
    """How prior authorizations are asked about, where their dialect asks by an operation."""
    if "ask" not in preauthorizations["inquiry"]:
        return ""
    return """\
  preauthorization:                 # its decision comes in by itself: it is not fetched
    inquire: POST Claim/$inquire
    answer: none
"""


def _tables(claims: Mapping[str, Any], preauthorizations: Mapping[str, Any]) -> Iterator[str]:
    """The other tables as the dialects have them, to take in where the insurer differs."""
    yield "  # The dialects' own tables. Take in, as a whole or code by code, what differs here.\n"
    yield "  # More of its own: tables modifier, place, service_type, mandate; code_systems.\n"
    theirs, own = preauthorizations["codes"], claims["codes"]
    alike = {name: table for name, table in own.items() if theirs.get(name, table) == table}
    either = {name: table for name, table in theirs.items() if name not in own}
    yield from _shown({**alike, **either}, "  # ")
    for use, tables in (("claim", own), ("preauthorization", theirs)):
        differing = {n: t for n, t in tables.items() if n in own and n in theirs and n not in alike}
        if differing:
            yield f"# {use}:    # what is said otherwise for this use alone\n#   codes:\n"
            yield from _shown(differing, "#     ")


def _shown(tables: Mapping[str, Any], start: str) -> Iterator[str]:
    """Tables as comments; ``start`` is how their lines begin."""
    for table, held in sorted(tables.items()):
        if table == "service":
            continue
        yield f"{start}{table}:\n"
        if "system" in held:
            yield f"{start}  system: {held['system']}\n"
        values = ", ".join(f"{ours}: {_scalar(theirs)}" for ours, theirs in held["values"].items())
        yield f"{start}  values: {{{values}}}\n"


def _scalar(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_.+-]+", text) else json.dumps(text, ensure_ascii=False)
