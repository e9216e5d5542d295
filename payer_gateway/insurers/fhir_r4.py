"""The base FHIR R4 protocol: what a submit, a search and a metadata request look like.

Paths, query templates and header names come from the insurer's profile, addresses and tokens from
settings; nothing here knows an insurer. Source: HL7 FHIR R4 (http.html, operations.html,
claim-operation-submit.html); RFC 6750 for the bearer token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from urllib.parse import quote, urljoin

from payer_gateway import __version__
from payer_gateway.domain.errors import MappingError, SettingError
from payer_gateway.domain.exchange import OUR_HEADERS, Request

FHIR_JSON = "application/fhir+json"
USER_AGENT = f"payer-gateway/{__version__}"

Fence = Callable[[], bool]

_NONE: Mapping[str, str] = MappingProxyType({})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VISIBLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_PATH = re.compile(r"[A-Za-z0-9$_.~-]+(/[A-Za-z0-9$_.~-]+)*")
_QUERY = re.compile(r"[A-Za-z0-9$_.~:&=,%-]+")
_PLACE = "{identifier}"


def submit(
    base_url: str,
    body: bytes,
    *,
    deadline_s: float,
    path: str = "Claim/$submit",
    headers: Mapping[str, str] = _NONE,
    token: str | None = None,
    idempotency_key: str | None = None,
    idempotency_header: str = "Idempotency-Key",
    fence: Fence | None = None,
) -> Request:
    """``POST {base_url}/{path}`` with ``body`` as it is; ``headers`` come from the profile.

    The key is sent only if given (rule L5: the same one on every send of a submission). Raises
    MappingError for a path or header that cannot be sent, SettingError for such a token.
    """
    sent = {"Content-Type": FHIR_JSON, **_common(token)}
    if idempotency_key is not None:
        sent = _joined(sent, {idempotency_header: idempotency_key})
    return Request(
        method="POST",
        url=_url(base_url, path),
        headers=_joined(sent, headers),
        body=body,
        deadline_s=deadline_s,
        fence=fence,
    )


def search(
    base_url: str,
    query_template: str,
    identifier: str,
    *,
    deadline_s: float,
    headers: Mapping[str, str] = _NONE,
    token: str | None = None,
    fence: Fence | None = None,
) -> Request:
    """``GET {base_url}/{query_template}`` with ``{identifier}`` filled in, percent-encoded.

    ``query_template`` is e.g. ``Claim?identifier={identifier}``; ``identifier`` is the FHIR token
    ``system|value``. Raises MappingError and SettingError as :func:`submit` does.
    """
    path, mark, query = query_template.partition("?")
    fixed = query.replace(_PLACE, "", 1)
    if not mark or fixed == query or not _QUERY.fullmatch(fixed):
        raise MappingError(
            f"inquiry template {query_template!r}: write it with one {_PLACE} in its query, "
            f"e.g. Claim?identifier={_PLACE}"
        )
    filled = query.replace(_PLACE, quote(identifier, safe=""))
    return Request(
        method="GET",
        url=f"{_url(base_url, path)}?{filled}",
        headers=_joined(_common(token), headers),
        body=None,
        deadline_s=deadline_s,
        fence=fence,
    )


def listing(
    base_url: str,
    query_template: str,
    first: date,
    last: date,
    *,
    deadline_s: float,
    token: str | None = None,
) -> Request:
    """``GET {base_url}/{query_template}`` with ``{from}`` and ``{to}`` filled in: the claims made
    on these days and between. Raises MappingError and SettingError as :func:`submit` does."""
    path, mark, query = query_template.partition("?")
    filled = query.replace("{from}", first.isoformat()).replace("{to}", last.isoformat())
    if not mark or filled == query or not _QUERY.fullmatch(filled):
        raise MappingError(
            f"list template {query_template!r}: write it with {{from}} and {{to}} in its query, "
            "e.g. Claim?created=ge{from}&created=le{to}"
        )
    return _get(f"{_url(base_url, path)}?{filled}", deadline_s, token)


def next_page(base_url: str, url: str, *, deadline_s: float, token: str | None = None) -> Request:
    """The next page of a search, by the address that the insurer gave. Raises MappingError for an
    address that is not below ``base_url``: the token goes nowhere else."""
    base = base_url.rstrip("/") + "/"
    whole = urljoin(base, url)
    if not whole.startswith(base) or not _VISIBLE.fullmatch(whole) or "/../" in whole:
        raise MappingError(f"the next page of a list is not below {base}; it is not fetched")
    return _get(whole, deadline_s, token)


def _get(url: str, deadline_s: float, token: str | None) -> Request:
    return Request("GET", url, _common(token), None, deadline_s)


def metadata(
    base_url: str,
    *,
    deadline_s: float,
    headers: Mapping[str, str] = _NONE,
    token: str | None = None,
) -> Request:
    """``GET {base_url}/metadata``, the CapabilityStatement: a probe that books nothing."""
    return Request(
        method="GET",
        url=_url(base_url, "metadata"),
        headers=_joined(_common(token), headers),
        body=None,
        deadline_s=deadline_s,
    )


def _common(token: str | None) -> dict[str, str]:
    sent = {"Accept": FHIR_JSON, "User-Agent": USER_AGENT}
    if token is not None:
        if not _VISIBLE.fullmatch(token) or " " in token:
            raise SettingError(
                "the insurer's token has a space, line break or non-ASCII character in it; "
                "set it again without"
            )
        sent["Authorization"] = f"Bearer {token}"
    return sent


def _joined(sent: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    """Both, the profile's winning over ours of the same name (case apart), all sendable."""
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise MappingError(f"header name {name!r} cannot be sent; use letters, digits and '-'")
        if name.lower() in OUR_HEADERS:
            raise MappingError(f"header {name} is set by the gateway; take it out of the profile")
        if not _VISIBLE.fullmatch(value):
            raise MappingError(
                f"the value of header {name} cannot be sent; write printable ASCII on one line"
            )
    theirs = {name.lower() for name in headers}
    return {name: value for name, value in sent.items() if name.lower() not in theirs} | {**headers}


def _url(base_url: str, path: str) -> str:
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise MappingError(
            f"path {path!r} cannot be sent; write it relative to the base, e.g. Claim/$submit"
        )
    return f"{base_url.rstrip('/')}/{path}"
