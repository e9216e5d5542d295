"""Which addresses may be called: the configured URL, and what its host name resolves to.

An insurer's URL is typed in by an operator and its name is resolved by somebody else's DNS, so both
are judged: :func:`check_base_url` when settings are read, :class:`AddressBook` at each connection.
Source: OWASP API7 (SSRF); RFC 6890 special-purpose addresses, RFC 6052 NAT64, RFC 3056 6to4.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from payer_gateway.domain.errors import GatewayError, SettingError

Endpoint = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]
"""Where a socket connects: the address family and the socket address."""

Resolver = Callable[[str, int], list[Endpoint]]
"""Host and port to endpoints; raises OSError (``socket.gaierror``) when the name is unknown."""

ALLOW_LOOPBACK = "PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP=1"
INSURER_PORTS = frozenset({443, 8443})

_PRIVATE = tuple(
    ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_V6 = IPv6Network("2000::/3")
# Python 3.11's ``is_global`` still lets parts of these through.
_SPECIAL = tuple(
    ip_network(net)
    for net in ("0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20")
)
# Cloud metadata services outside 169.254/16: AWS over IPv6, Azure's wire server.
_METADATA = frozenset({ip_address("fd00:ec2::254"), ip_address("168.63.129.16")})


class AddressRefused(GatewayError):
    """A host, or an address it resolves to, that is never called; the message names the cure."""


def look_up(host: str, port: int) -> list[Endpoint]:
    """Ask the system's resolver. Raises OSError, or UnicodeError for a name DNS cannot hold."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, _sockaddr(address)) for family, _, _, _, address in found]


def check_base_url(
    url: str, *, allow_loopback_http: bool = False, setting: str = "insurer URL"
) -> None:
    """Refuse a base URL that is wrong whatever it resolves to.

    Raises SettingError naming ``setting``, what is wrong and the cure; the message never repeats
    the URL, which may carry a password. The parser is the one that sends, so both read alike.
    """

    def wrong(what: str, cure: str) -> SettingError:
        return SettingError(f"{setting}: {what}; {cure}")

    example = "write it as https://fhir.insurer.example/r4"
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise wrong("has a space, control character or backslash in it", example)
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise wrong("cannot be read as a URL", example) from None
    if parts.scheme not in ("https", "http"):
        raise wrong(f"has scheme {parts.scheme!r}", "only https is spoken: " + example)
    if parts.scheme == "http" and not allow_loopback_http:
        raise wrong(
            "is plain http, which anybody on the way can read",
            f"use https, or set {ALLOW_LOOPBACK} for a sandbox on this machine",
        )
    if not parts.host:
        raise wrong("names no host", example)
    if parts.auth is not None or "@" in url:
        raise wrong("carries a user name or an '@'", "take it out; a token has its own setting")
    if "?" in url or "#" in url:
        raise wrong("carries a query or fragment", "give only the base, without '?' and '#'")


class AddressBook:
    """Resolves a host and lets through only addresses that an insurer may have.

    ``allow_loopback_http``: this machine may be called, https or plain http, on any port (tests,
    sandbox). ``allow_private``: an insurer may live in a private range, behind a VPN. ``ports``:
    those an insurer may listen on. ``resolve`` is asked once per connection, and its answer is
    what is connected to, so a name that changes its mind in between gains nothing.
    """

    def __init__(
        self,
        *,
        allow_loopback_http: bool = False,
        allow_private: bool = False,
        ports: frozenset[int] = INSURER_PORTS,
        resolve: Resolver = look_up,
    ) -> None:
        self._loopback_ok = allow_loopback_http
        self._private_ok = allow_private
        self._ports = ports
        self._resolve = resolve

    def vetted(self, scheme: str, host: str, port: int) -> tuple[Endpoint, ...]:
        """The endpoints to connect to, in the resolver's order, at least one.

        Raises AddressRefused if *any* address is unacceptable (a name that mixes a public and an
        inner address is up to no good), and what the resolver raises.
        """
        endpoints = self._resolve(host.strip("[]"), port)
        if not endpoints:
            raise AddressRefused(f"{host} resolves to no address; correct the insurer's URL")
        at_home = True
        for _, sockaddr in endpoints:
            address = ip_address(sockaddr[0])
            fault = self._fault(address)
            if fault is not None:
                raise AddressRefused(f"{host} resolves to {address}, {fault}")
            at_home = at_home and _unmapped(address).is_loopback
        if scheme != "https" and not at_home:
            raise AddressRefused(
                f"{host} would be called over plain http and is not this machine; use https"
            )
        if port not in self._ports and not at_home:
            allowed = ", ".join(str(number) for number in sorted(self._ports))
            raise AddressRefused(f"{host} is to be called on port {port}; allowed are {allowed}")
        return tuple(endpoints)

    def _fault(self, address: IPv4Address | IPv6Address) -> str | None:
        """Why this address is not called, and the cure; None when it may be."""
        cure = "set the insurer's URL to its public address"
        tunnelled = _tunnelled(address)
        if tunnelled is not None:
            # A tunnel's far end decides: what is inside must be an address of the open internet.
            inner = AddressBook()._fault(tunnelled)
            return None if inner is None else f"a tunnel to {tunnelled}, {inner}"
        address = _unmapped(address)
        if address in _METADATA or address.is_link_local:
            return f"a link-local or cloud metadata address; {cure}"
        if address.is_unspecified or address.is_multicast:
            return f"an unspecified or multicast address; {cure}"
        if address.is_loopback:
            return None if self._loopback_ok else f"this machine; {cure}, or set {ALLOW_LOOPBACK}"
        if _within(address, _PRIVATE):
            return None if self._private_ok else f"a private address; {cure}, or allow private ones"
        special = _within(address, _SPECIAL) or address.is_reserved or not address.is_global
        if special or (address.version == 6 and address not in _GLOBAL_V6):
            return f"an address reserved for special use; {cure}"
        return None


def _within(
    address: IPv4Address | IPv6Address, networks: tuple[IPv4Network | IPv6Network, ...]
) -> bool:
    return any(address.version == net.version and address in net for net in networks)


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """``::ffff:a.b.c.d`` is the IPv4 host a.b.c.d by another name."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _tunnelled(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address behind a 6to4 or NAT64 one, else None."""
    if not isinstance(address, IPv6Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _sockaddr(address: tuple[object, ...]) -> tuple[str, int] | tuple[str, int, int, int]:
    host, port, *rest = address
    if not isinstance(host, str) or not isinstance(port, int):
        raise OSError("this Python has no IPv6, and the name has only such addresses")
    if len(rest) == 2 and isinstance(rest[0], int) and isinstance(rest[1], int):
        return host, port, rest[0], rest[1]
    return host, port
