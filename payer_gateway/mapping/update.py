"""A request for prior authorization that changes an earlier one, where a dialect tells that as an
update: every line and every supporting information that was ever sent keeps its number, what is new
is marked, what is gone is kept and marked as cancelled, and the earlier request comes along.

Source: Da Vinci PAS, profile claim-update and the rules spec-65 to spec-72. What the marks are
called stands in the dialect (``update``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from payer_gateway.mapping.references import references_in

_Resource = dict[str, Any]
_Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UpdateWords:
    """Names and codes of an update; ``carries_old``: whether the earlier Claim comes along."""

    claim_profile: str
    relation: Mapping[str, str]  # system, code
    changed: str
    added_code: str
    changed_code: str
    cancelled: str
    certification: str
    cancel: Mapping[str, str]  # system, code
    trace: str
    carries_old: bool


def as_update(bundle: _Resource, previous: Any, words: UpdateWords, *, void: bool) -> None:
    """Make ``bundle`` (a fresh request) an update of ``previous`` (the Bundle as it was sent), or
    with ``void`` the withdrawal of all that it asks for. Changes ``bundle`` in place."""
    earlier = {e["fullUrl"]: e["resource"] for e in previous["entry"]}
    old_url, old = next(iter(earlier.items()))
    _same_things_same_addresses(bundle, earlier)
    entries: list[_Entry] = bundle["entry"]
    claim: _Resource = entries[0]["resource"]
    claim["meta"] = {**claim["meta"], "profile": [words.claim_profile]}
    claim["related"] = [
        {
            "claim": {"reference": old_url, "identifier": old["identifier"][0]},
            "relationship": {"coding": [dict(words.relation)]},
        }
    ]
    claim["item"] = _carried_on(old.get("item", []), claim["item"], words, _item_kind, void=void)
    claim["supportingInfo"] = _carried_on(
        old.get("supportingInfo", []),
        claim.get("supportingInfo", []),
        words,
        _info_kind,
        void=False,
    )
    for item in claim["item"]:
        _drop_lost_pointers(item, claim)
        if _is_cancelled(item, words):
            _certify_as_cancelled(item, words)
    if void:
        claim["extension"] = [*claim.get("extension", []), _cancelling(words)]
    if words.carries_old:
        # Its own earlier request stays outside (spec-66): named by its number alone.
        related = [_by_number(each) for each in old.get("related", ())]
        kept = {**old, "related": related} if related else dict(old)
        entries.insert(1, {"fullUrl": old_url, "resource": kept})
    else:
        claim["related"][0]["claim"].pop("reference")
    known = {entry["fullUrl"] for entry in entries}
    for url in _missing(entries, known, earlier):
        entries.append({"fullUrl": url, "resource": earlier[url]})


def _same_things_same_addresses(bundle: _Resource, earlier: Mapping[str, _Resource]) -> None:
    """Who and what was sent before keeps its address, so that nothing stands there twice: first
    what bears the same number, then what is the same once its references are."""
    entries: list[_Entry] = bundle["entry"][1:]
    taken: set[str] = set()
    renamed: dict[str, str] = {}
    for by in (_by_identifier, _by_content):
        for entry in entries:
            if entry["fullUrl"] in renamed.values():
                continue
            resource = entry["resource"]
            for url, other in earlier.items():
                if url not in taken and other["resourceType"] == resource["resourceType"]:
                    if by(resource, other):
                        renamed[entry["fullUrl"]] = url
                        entry["fullUrl"], resource["id"] = url, other["id"]
                        taken.add(url)
                        break
        for entry in bundle["entry"]:
            entry["resource"] = _renamed(entry["resource"], renamed)


def _by_identifier(one: _Resource, other: _Resource) -> bool:
    numbers = {(i.get("system"), i["value"]) for i in one.get("identifier", ()) if "value" in i}
    return any((i.get("system"), i.get("value")) in numbers for i in other.get("identifier", ()))


def _by_content(one: _Resource, other: _Resource) -> bool:
    return {**one, "id": ""} == {**other, "id": ""}


def _renamed(value: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        out = {key: _renamed(inner, renamed) for key, inner in value.items()}
        if isinstance(out.get("reference"), str):
            out["reference"] = renamed.get(out["reference"], out["reference"])
        return out
    return [_renamed(inner, renamed) for inner in value] if isinstance(value, list) else value


def _carried_on(
    old: list[_Resource], new: list[_Resource], words: UpdateWords, kind: Any, *, void: bool
) -> list[_Resource]:
    """The entries of both: matched by what they are, then by their kind; in the order of their
    numbers, the earlier ones first."""
    pairs = _pairs(old, new, words, kind)
    out: list[_Resource] = []
    for before in old:
        now = None if void else pairs.get(before["sequence"])
        was_cancelled = _is_cancelled(before, words)
        if now is None:
            gone = _bare(before, words)
            gone["modifierExtension"] = [{"url": words.cancelled, "valueBoolean": True}]
            out.append(gone if was_cancelled else _marked(gone, words, words.changed_code))
            continue
        now = {**now, "sequence": before["sequence"]}
        _keep_trace(now, before, words)
        same = not was_cancelled and _bare(now, words) == _bare(before, words)
        out.append(now if same else _marked(now, words, words.changed_code))
    number = max((each["sequence"] for each in old), default=0)
    matched = {id(each) for each in pairs.values()}
    for each in () if void else new:
        if id(each) not in matched:
            number += 1
            out.append(_marked({**each, "sequence": number}, words, words.added_code))
    return out


def _pairs(
    old: list[_Resource], new: list[_Resource], words: UpdateWords, kind: Any
) -> dict[int, _Resource]:
    """Number of an earlier entry → what it is now. Equal ones first, then those of one kind in
    their order; a cancelled entry is never taken up again: asked anew, it is a new one."""
    pairs: dict[int, _Resource] = {}
    left = list(new)
    standing = [each for each in old if not _is_cancelled(each, words)]
    for rule in (lambda each: _content(each, words), kind):
        for before in standing:
            if before["sequence"] in pairs:
                continue
            now = next((each for each in left if rule(each) == rule(before)), None)
            if now is not None:
                pairs[before["sequence"]] = now
                left = [each for each in left if each is not now]
    return pairs


def _content(entry: _Resource, words: UpdateWords) -> _Resource:
    """What an entry says, its number, its marks and its trace apart."""
    out = {k: v for k, v in _bare(entry, words).items() if k != "sequence"}
    out["extension"] = [e for e in out.get("extension", []) if e["url"] != words.trace]
    return out


def _item_kind(item: _Resource) -> object:
    return item.get("productOrService"), item.get("modifier"), item.get("locationCodeableConcept")


def _info_kind(info: _Resource) -> object:
    return info.get("category"), info.get("valueReference")


def _bare(entry: _Resource, words: UpdateWords) -> _Resource:
    """An entry without the marks of an update."""
    out = {k: v for k, v in entry.items() if k not in ("extension", "modifierExtension")}
    extensions = [e for e in entry.get("extension", ()) if e["url"] != words.changed]
    modifiers = [e for e in entry.get("modifierExtension", ()) if e["url"] != words.cancelled]
    if extensions:
        out["extension"] = extensions
    if modifiers:
        out["modifierExtension"] = modifiers
    return out


def _marked(entry: _Resource, words: UpdateWords, code: str) -> _Resource:
    mark = {"url": words.changed, "valueCode": code}
    return {**entry, "extension": [*entry.get("extension", []), mark]}


def _is_cancelled(entry: _Resource, words: UpdateWords) -> bool:
    return any(e["url"] == words.cancelled for e in entry.get("modifierExtension", ()))


def _keep_trace(now: _Resource, before: _Resource, words: UpdateWords) -> None:
    """A line keeps the trace under which the insurer knows it."""
    traces = [e for e in before.get("extension", ()) if e["url"] == words.trace]
    if traces:
        others = [e for e in now.get("extension", ()) if e["url"] != words.trace]
        at = next((n for n, e in enumerate(now["extension"]) if e["url"] == words.trace), 0)
        now["extension"] = [*others[:at], *traces, *others[at:]]


def _certify_as_cancelled(item: _Resource, words: UpdateWords) -> None:
    item["extension"] = [
        _cancelling(words) if e["url"] == words.certification else e for e in item["extension"]
    ]


def _cancelling(words: UpdateWords) -> _Resource:
    coding = {"coding": [dict(words.cancel)]}
    return {"url": words.certification, "valueCodeableConcept": coding}


def _drop_lost_pointers(item: _Resource, claim: _Resource) -> None:
    """A cancelled line may point to a diagnosis or a doctor who is not told any more."""
    for pointer, target in (
        ("careTeamSequence", "careTeam"),
        ("diagnosisSequence", "diagnosis"),
        ("informationSequence", "supportingInfo"),
    ):
        known = {each["sequence"] for each in claim.get(target, ())}
        kept = [n for n in item.get(pointer, ()) if n in known]
        if pointer in item and kept:
            item[pointer] = kept
        else:
            item.pop(pointer, None)


def _by_number(related: _Resource) -> _Resource:
    named = {k: v for k, v in related.get("claim", {}).items() if k != "reference"}
    return {**related, "claim": named}


def _missing(
    entries: list[_Entry], known: set[str], earlier: Mapping[str, _Resource]
) -> Iterator[str]:
    """What the entries lead to and is not among them yet, from the earlier request."""
    todo = [entry["resource"] for entry in entries]
    while todo:
        for url in references_in(todo.pop()):
            if url not in known and url in earlier:
                known.add(url)
                yield url
                todo.append(earlier[url])
