"""What an insurer lists of the claims it has, page by page. Source: FHIR R4 search, paging."""

from __future__ import annotations

from dataclasses import dataclass

from payer_gateway.domain.claim import CLAIM_SYSTEM
from payer_gateway.domain.errors import InvalidInput
from payer_gateway.domain.exchange import Reply
from payer_gateway.mapping.canonical import parse_json
from payer_gateway.mapping.hostile import as_list, as_object, identifier_of, said


@dataclass(frozen=True, slots=True)
class Page:
    """``claims``: an identifier (``system|value``) per Claim, ours where it bears one of ours;
    ``foreign`` Claims bear none. ``next``: the address of the next page."""

    claims: tuple[str, ...]
    foreign: int
    next: str | None


def read_page(reply: Reply) -> Page | None:
    """None when this is no page of a search."""
    try:
        body = as_object(parse_json(reply.body))
    except (InvalidInput, ValueError, RecursionError):
        return None
    is_searchset = body.get("resourceType") == "Bundle" and body.get("type") == "searchset"
    if not 200 <= reply.status < 300 or not is_searchset:
        return None
    claims, foreign = [], 0
    for entry in as_list(body.get("entry")):
        resource = as_object(as_object(entry).get("resource"))
        if resource.get("resourceType") != "Claim":
            continue
        named = [identifier_of(each) for each in as_list(resource.get("identifier"))]
        ours = [each for each in named if each and each.startswith(f"{CLAIM_SYSTEM}|")]
        if ours:
            claims.append(ours[0])
        else:
            foreign += 1
    links = map(as_object, as_list(body.get("link")))
    following = [link.get("url") for link in links if said(link.get("relation")) == "next"]
    url = following[0] if following and isinstance(following[0], str) else None
    return Page(tuple(claims), foreign, url)
