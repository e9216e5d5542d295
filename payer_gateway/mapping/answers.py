"""Finding an insurer's answer in whatever came: a resource, a Bundle, Parameters, one in another;
and naming what is wrong with its envelope. Hostile input ends as nothing found, never as an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from payer_gateway.domain.answer import Issue
from payer_gateway.domain.claim import Use
from payer_gateway.mapping.hostile import as_list, as_object, identifier_of, said
from payer_gateway.mapping.speech import AnswerEnvelope, ErrorWords, Speech

_Object = Mapping[str, object]
Numbered = tuple[str, str, str]  # a resource's type, a number of it, its address
MAX_DEPTH = 3
MAX_RESOURCES = 2000
MAX_NAMED = 20
TRACE = "itemTraceNumber"
_ECHOED = ("Patient", "Organization", "Practitioner")
_USES = frozenset({"claim", "preauthorization", "predetermination"})
_OTHER_USES = {use: _USES - {use.value} for use in Use}


def resources_in(document: object) -> list[_Object]:
    """The body itself, then what its entries and parameters hold, to a depth of three."""
    found: list[_Object] = []
    _gather(as_object(document), MAX_DEPTH, found)
    return found


def _gather(resource: _Object, depth: int, found: list[_Object]) -> None:
    if len(found) >= MAX_RESOURCES:
        return
    found.append(resource)
    kind = resource.get("resourceType")
    holders = "entry" if kind == "Bundle" else "parameter" if kind == "Parameters" else None
    if holders is None or depth == 0:
        return
    for holder in map(as_object, as_list(resource.get(holders))[:MAX_RESOURCES]):
        # A batch is answered entry by entry: what went wrong with one stands in its response.
        for inner in (holder.get("resource"), as_object(holder.get("response")).get("outcome")):
            if inside := as_object(inner):
                _gather(inside, depth - 1, found)


def answers_in(resources: Iterable[_Object], speech: Speech) -> list[_Object]:
    return [r for r in resources if r.get("resourceType") == speech.answered_by]


def answer_to(
    resources: Iterable[_Object], speech: Speech, use: Use, identifier: str | None
) -> tuple[_Object | None, Issue | None]:
    """The insurer's answer to one claim of ours (``system|value``), and why it is none: it names
    another claim, it is one to another kind of request, or there are several that differ."""
    every = answers_in(resources, speech)
    if not every:
        return None, None
    ours = [answer for answer in every if is_about(answer, use, identifier)]
    if not ours:
        if said(every[0].get("use")) in _OTHER_USES[use]:
            words = f"it answers a {said(every[0]['use'])}, and this is a {use}"
            return every[0], Issue("other-use", "ClaimResponse.use", words)
        words = "the answer names another claim"
        return every[0], Issue("other-claim", "ClaimResponse.request", words)
    if identifier is not None and len(ours) > 1:
        ours = [answer for answer in ours if names_ours(answer, identifier)] or ours
    if any(other != ours[0] for other in ours[1:]):
        words = f"{len(ours)} answers that differ, and which of them counts is not said"
        return ours[0], Issue("several-answers", "ClaimResponse", words)
    return ours[0], None


def is_about(answer: _Object, use: Use, identifier: str | None) -> bool:
    """Unless it names another claim than ours, or says that it is of another use, it is ours."""
    if said(answer.get("use")) in _OTHER_USES[use]:
        return False
    if identifier is None:
        return True
    named = identifier_of(as_object(answer.get("request")).get("identifier"))
    return named is None or named == identifier


def names_ours(answer: _Object, identifier: str) -> bool | None:
    """Whether an answer is about our claim: True and False when it says so, None when it does not
    say. It says so by the request it answers, by our number sent back, or by a line's trace."""
    request = identifier_of(as_object(answer.get("request")).get("identifier"))
    if request is not None:
        return request == identifier
    if any(identifier_of(each) == identifier for each in as_list(answer.get("identifier"))[:20]):
        return True
    # A line keeps its trace through all updates: another claim's trace may well be ours.
    system, _, number = identifier.rpartition("|")
    if any(trace.startswith(f"{system}-line|{number}.") for trace in _traces(answer)):
        return True
    return None


def _traces(answer: _Object) -> Iterator[str]:
    for item in map(as_object, as_list(answer.get("item"))[:100]):
        for extension in map(as_object, as_list(item.get("extension"))[:50]):
            if said(extension.get("url")).endswith(TRACE):
                trace = identifier_of(extension.get("valueIdentifier"))
                if trace is not None:
                    yield trace


def envelope_issues(
    resources: Iterable[_Object], answer: _Object, envelope: AnswerEnvelope
) -> list[Issue]:
    """What is wrong with the Bundle that holds an answer: each fault named, none of them fatal."""
    for bundle in resources:
        entries = list(map(as_object, as_list(bundle.get("entry"))))
        if any(entry.get("resource") is answer for entry in entries):
            return list(_faults(bundle, entries, answer, envelope))[:MAX_NAMED]
    return []


def _faults(
    bundle: _Object, entries: list[_Object], answer: _Object, envelope: AnswerEnvelope
) -> Iterator[Issue]:
    if bundle.get("type") != envelope.type:
        yield Issue("bundle-type", "Bundle.type", f"the answer's Bundle is no {envelope.type}")
    for element in envelope.needs:
        if not bundle.get(element):
            yield Issue("bundle-element", f"Bundle.{element}", f"the answer has no {element}")
    if entries[0].get("resource") is not answer:
        kind = answer.get("resourceType")
        yield Issue("bundle-first", "Bundle.entry[0]", f"the first entry is not the {kind}")
    urls = Counter(said(entry.get("fullUrl")) for entry in entries)
    if urls.pop("", 0):
        yield Issue("bundle-url", "Bundle.entry.fullUrl", "an entry has no address")
    for url, times in urls.items():
        if times > 1:
            yield Issue("bundle-url", "Bundle.entry.fullUrl", f"{url} stands {times} times")
    for entry in entries:
        resource = as_object(entry.get("resource"))
        kind, own = resource.get("resourceType"), resource.get("id")
        url = said(entry.get("fullUrl"))
        if url.startswith("http") and own and not url.endswith(f"/{kind}/{own}"):
            yield Issue("bundle-url", "Bundle.entry.fullUrl", f"{url} is not where {kind} {own} is")
    yield from _dangling(entries, answer, frozenset(urls))


def _dangling(entries: list[_Object], answer: _Object, known: frozenset[str]) -> Iterator[Issue]:
    """References of the answer that lead nowhere; the request it answers may stay outside."""
    own = next(said(e.get("fullUrl")) for e in entries if e.get("resource") is answer)
    base = own.rpartition("/")[0].rpartition("/")[0]
    for name, reference in _references(answer, ""):
        if name == "request" or reference.startswith("#"):
            continue
        if reference in known or f"{base}/{reference}" in known:
            continue
        yield Issue("dangling-reference", f"ClaimResponse.{name}", f"{reference} is not in it")


def _references(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield path, said(value["reference"])
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                yield from _references(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for n, inner in enumerate(value[:200]):
            if isinstance(inner, dict | list):
                yield from _references(inner, f"{path}[{n}]")


def echo_faults(resources: Iterable[_Object], sent: Iterable[Numbered]) -> list[Issue]:
    """Resources sent back under another address than they were sent under, or with other numbers
    (PAS spec-33): another person's, perhaps."""
    ours, theirs = list(sent), list(_numbered(resources))
    address = {(kind, number): url for kind, number, url in ours}
    found = [
        Issue("echo-url", "Bundle.entry.fullUrl", f"{kind} came back as {url}")
        for kind, number, url in theirs
        if address.get((kind, number), url) != url
    ]
    came_back = {(kind, url) for kind, number, url in theirs if (kind, number) in address}
    sent_as = {(kind, url) for kind, _, url in ours}
    for kind, url in dict.fromkeys((kind, url) for kind, _, url in theirs):
        if (kind, url) in sent_as and (kind, url) not in came_back:
            words = f"{kind} came back with none of the numbers that it was sent with"
            found.append(Issue("echo-identifier", "Bundle.entry.resource.identifier", words))
    return found[:MAX_NAMED]


def _numbered(resources: Iterable[_Object]) -> Iterator[Numbered]:
    """Every numbered resource of a Bundle."""
    for bundle in resources:
        for entry in map(as_object, as_list(bundle.get("entry"))):
            resource = as_object(entry.get("resource"))
            kind, identifiers = resource.get("resourceType"), resource.get("identifier")
            yield from numbers_of(kind, identifiers, entry.get("fullUrl"))


def numbers_of(kind: object, identifiers: object, url: object) -> Iterator[Numbered]:
    """Each number of a resource, if it is one of those that come back as they were sent."""
    if said(kind) not in _ECHOED:
        return
    for each in as_list(identifiers)[:20]:
        number = identifier_of(each)
        if number is not None:
            yield said(kind), number, said(url)


def error_place(error: _Object, words: ErrorWords) -> str:
    """Where an error is: the insurer's path, else the line that it names."""
    for extension in map(as_object, as_list(error.get("extension"))[:50]):
        if words.path is not None and extension.get("url") == words.path:
            return said(extension.get("valueString"))
    return ".".join(
        f"{part}[{n}]"
        for part in ("item", "detail", "subDetail")
        if isinstance(n := error.get(f"{part}Sequence"), int)
    )
