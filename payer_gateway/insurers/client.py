"""The one HTTP client: a domain ``Request`` in, a ``Reply`` or ``NoReply`` out, never an error."""

from __future__ import annotations

import http.client
import logging
import ssl
import threading
import time
import weakref
import zlib
from collections.abc import Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

import requests
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from urllib3 import PoolManager
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import parse_url

from payer_gateway.domain.errors import SettingError
from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply, Request
from payer_gateway.insurers.addresses import AddressBook
from payer_gateway.insurers.exchange import Exchange, Stopped, told
from payer_gateway.insurers.reply import whole_reply
from payer_gateway.insurers.wire import PlainConnection, TLSConnection

_PATHS = 64


class HttpClient:
    """Sends requests to insurers; may be shared by all threads.

    ``addresses`` judges whom we may call. ``max_reply_bytes`` limits the decoded body. ``ca_file``
    replaces the public certificate authorities (PEM). ``connect_s`` limits lookup and connecting
    within the request's own deadline. ``idle_s`` is how long a kept connection is trusted.
    """

    def __init__(
        self,
        addresses: AddressBook | None = None,
        *,
        max_reply_bytes: int = 10_000_000,
        ca_file: Path | None = None,
        connect_s: float = 10.0,
        # Shorter than what servers grant (gunicorn: 2 s). A kept connection that closes while we
        # write is an unknown outcome and costs an inquiry; a fresh one costs a handshake.
        idle_s: float = 1.5,
    ) -> None:
        self._addresses = addresses or AddressBook()
        self._max_reply_bytes = max_reply_bytes
        self._connect_s = connect_s
        self._idle_s = idle_s
        self._tls = _tls_context(ca_file)
        self._here = threading.local()
        self._lock = threading.Lock()
        self._adapters: weakref.WeakSet[_Adapter] = weakref.WeakSet()
        self._closed = False
        # urllib3's debug lines carry the query, which names a claim or a person.
        logger = logging.getLogger("urllib3")
        logger.setLevel(max(logger.level, logging.INFO))

    def send(self, insurer: str, request: Request) -> Reply | NoReply:
        """One exchange, at most once on the wire: no redirects, no retries, no cookies.

        ``insurer`` separates connections: nothing of one insurer's is used for another.
        """
        exchange = Exchange(
            addresses=self._addresses,
            fence=request.fence,
            deadline_s=request.deadline_s,
            connect_s=self._connect_s,
            ends_at=time.monotonic() + request.deadline_s,
        )
        try:
            return self._exchange(insurer, request, exchange)
        except Stopped as stop:
            return NoReply(stop.kind, stop.reason)
        except Exception as error:
            # Whatever it was: what matters is whether the insurer may have seen the request. The
            # error's own text stays out, it may repeat the URL's query or a header.
            kind = NoReplyKind.UNKNOWN if exchange.begun else NoReplyKind.NOT_SENT
            return NoReply(kind, _why(error))

    def close(self) -> None:
        """Close idle connections of all threads; exchanges under way end by themselves."""
        with self._lock:
            self._closed = True
            adapters = list(self._adapters)
        for adapter in adapters:
            adapter.close()

    def _exchange(self, insurer: str, request: Request, exchange: Exchange) -> Reply:
        adapter = self._adapter(insurer)
        adapter.exchange = exchange
        # The adapter alone, not a session: nothing is remembered between two requests, and looking
        # for cookies, redirects and proxies costs as much as the request itself.
        reply: Any = adapter.send(_prepared(request), timeout=None)
        assert isinstance(reply, Reply)  # noqa: S101 - what our pool gives
        return reply

    def _adapter(self, insurer: str) -> _Adapter:
        """The connections of this thread and insurer; made at first use, gone with its thread."""
        if not hasattr(self._here, "adapters"):
            self._here.adapters = {}
        adapters: dict[str, _Adapter] = self._here.adapters
        if self._closed:
            raise Stopped(NoReplyKind.NOT_SENT, "this process is shutting down")
        if insurer not in adapters:
            with self._lock:
                if self._closed:
                    raise Stopped(NoReplyKind.NOT_SENT, "this process is shutting down")
                adapters[insurer] = _Adapter(self._tls, self._idle_s, self._max_reply_bytes)
                self._adapters.add(adapters[insurer])
        return adapters[insurer]


@lru_cache(maxsize=1024)
def _prepared_url(url: str) -> str:
    """The URL as it goes on the wire. Raises Stopped for one that carries a user name: requests
    would turn it into an Authorization header of its own."""
    if parse_url(url).auth is not None:
        reason = "the insurer's URL carries a user name; take it out"
        raise Stopped(NoReplyKind.NOT_SENT, reason)
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    assert prepared.url is not None  # noqa: S101 - prepare_url sets it or raises
    return prepared.url


def _prepared(request: Request) -> requests.PreparedRequest:
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    # A search's address names one claim and is not seen again; a submit's is always the same.
    look = _prepared_url if request.body is not None else _prepared_url.__wrapped__
    prepared.url = look(request.url)
    # Not prepare_headers: the connection refuses by itself what would break the framing.
    headers = dict(request.headers)
    if not any(name.lower() == "accept-encoding" for name in headers):
        headers["Accept-Encoding"] = "identity"
    if request.body is not None:
        prepared.body = request.body
        headers["Content-Length"] = str(len(request.body))
    prepared.headers = headers  # type: ignore[assignment]
    return prepared


class _Adapter(HTTPAdapter):
    """Joins requests to our connections; ``exchange`` is set before each send."""

    exchange: Exchange

    def __init__(self, tls: ssl.SSLContext, idle_s: float, max_reply_bytes: int) -> None:
        self._tls = tls
        self._idle_s = idle_s
        self._max_reply_bytes = max_reply_bytes
        self._pools: dict[str, _PlainPool | _TLSPool] = {}
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=0)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        """Our pools, with the client's one TLS context (loading authorities takes milliseconds)."""
        self.poolmanager = PoolManager(
            num_pools=connections,
            maxsize=maxsize,
            block=block,
            ssl_context=self._tls,
            cert_reqs="CERT_REQUIRED",
        )
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TLSPool}

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Any = None,
        cert: Any = None,
    ) -> HTTPConnectionPool:
        """The pool for the request's host, told which exchange it is for. Never a proxy."""
        # An insurer has a handful of paths; reading one's URL anew costs as much as a header.
        path = (request.url or "").partition("?")[0]
        pool = self._pools.get(path)
        if pool is None or pool.pool is None:  # unknown, or closed to make room for another host's
            found = self.poolmanager.connection_from_url(path)
            if not isinstance(found, _PlainPool | _TLSPool):
                raise TypeError(type(found).__name__)
            if len(self._pools) >= _PATHS:
                self._pools.clear()
            self._pools[path] = pool = found
            pool.idle_s, pool.max_reply_bytes = self._idle_s, self._max_reply_bytes
        pool.exchange = self.exchange
        return pool

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        """Path and query, as they were prepared."""
        return "/" + request.url.partition("://")[2].partition("/")[2]  # type: ignore[union-attr]

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> Any:
        """Nothing to build: what our pool gives is the reply."""
        return resp

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to do: the TLS context decides, and nobody can switch it off per request."""


class _Pool(HTTPConnectionPool):
    """Hands its connection the current exchange; drops one that idled too long to be trusted."""

    exchange: Exchange
    idle_s: float
    max_reply_bytes: int

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, body: Any, headers: Mapping[str, str], **_never: Any
    ) -> Reply:
        """One exchange, once: urllib3's own redirects, retries and unpacks, which is never wanted.
        The other arguments tell it how."""
        conn = self._get_conn()
        stays_open = False
        try:
            with closing(conn.ask(method, url, body, headers)) as answer:
                reply = whole_reply(answer, self.max_reply_bytes)
                stays_open = not answer.will_close and not conn.spoilt
            return reply
        finally:
            if stays_open:
                self._put_conn(conn)
            else:
                conn.close()

    def _get_conn(self, timeout: float | None = None) -> Any:
        conn: Any = super()._get_conn(timeout)
        if time.monotonic() - conn.used_at > self.idle_s:
            conn.close()
        conn.exchange = self.exchange
        return conn

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.used_at = time.monotonic()
        super()._put_conn(conn)


class _PlainPool(_Pool):
    ConnectionCls = PlainConnection


class _TLSPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = TLSConnection


def _why(error: Exception) -> str:
    """A few words on an error that came through requests; by its type, never by its text."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, http.client.IncompleteRead):
            return "the answer was cut short"
        if isinstance(seen, zlib.error):
            return "the answer's gzip cannot be decoded"
        seen = seen.__cause__ or seen.__context__
    return f"unexpected {type(error).__name__}"


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later, certificate and name checked. Raises SettingError for a bad ``ca_file``."""
    # Built by hand: the ready-made contexts obey SSLKEYLOGFILE and would write session keys down.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # Some Pythons (Debian 12's among them) set it: a line that was cut would be a proper goodbye.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    try:
        context.load_verify_locations(ca_file or DEFAULT_CA_BUNDLE_PATH)
    except (OSError, ssl.SSLError) as error:
        raise SettingError(
            f"certificate authorities {ca_file}: {told(error)}; give a file in PEM form"
        ) from error
    return context
