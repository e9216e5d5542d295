"""Before the first byte: everything that keeps a request from leaving, and the fence."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from insurers_servers import LIMIT_S, Line, a_request, answer, answers, insurer

from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply
from payer_gateway.insurers.addresses import AddressBook, Endpoint
from payer_gateway.insurers.client import HttpClient
from payer_gateway.insurers.exchange import Exchange, Stopped
from payer_gateway.insurers.wire import PlainConnection

OK = answer(b"{}")


def test_a_refused_port_is_not_sent(client: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    outcome = client.send("northwind", a_request(f"http://127.0.0.1:{port}/"))

    assert outcome == NoReply(
        NoReplyKind.NOT_SENT, f"connecting to 127.0.0.1:{port}: connection refused"
    )


def test_an_unknown_name_is_not_sent(client: HttpClient) -> None:
    outcome = client.send("northwind", a_request("https://no-such-name.invalid/fhir"))

    assert isinstance(outcome, NoReply)
    assert outcome.kind is NoReplyKind.NOT_SENT
    assert "name lookup of no-such-name.invalid failed" in outcome.error


@pytest.mark.parametrize(
    "headers",
    [{"A": "b\r\nC: d"}, {"A": "b\nC: d"}, {"A b": "c"}, {"A": "é"}, {"": "b"}, {"A": ""}],
)
def test_a_header_that_would_be_read_otherwise_is_not_sent(
    client: HttpClient, headers: dict[str, str]
) -> None:
    with insurer(answers(OK)) as server:
        outcome = client.send("northwind", a_request(server.url, headers=headers))

        assert outcome == NoReply(NoReplyKind.NOT_SENT, "unexpected ValueError")
        assert server.requests == []


def test_a_request_leaves_byte_for_byte_as_it_is_meant(client: HttpClient) -> None:
    with insurer(answers(OK, OK)) as server:
        url = f"{server.url}/Claim/$submit?a=b%20c"
        client.send("northwind", a_request(url, headers={"X-Key": "k"}, body=b"{}"))
        client.send("northwind", a_request(url, headers={"X-Key": "k"}, body=None, method="GET"))

        head = (
            " /fhir/Claim/$submit?a=b%20c HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{server.port}\r\nX-Key: k\r\nAccept-Encoding: identity\r\n"
        )
        posted = f"POST{head}Content-Length: 2\r\n\r\n{{}}"
        assert server.requests == [posted.encode(), f"GET{head}\r\n".encode()]


def test_an_encoding_that_the_profile_asks_for_stands_alone(client: HttpClient) -> None:
    with insurer(answers(OK)) as server:
        client.send("northwind", a_request(server.url, headers={"accept-encoding": "gzip"}))

        (heard,) = server.requests
        assert heard.lower().count(b"accept-encoding") == 1
        assert b"accept-encoding: gzip\r\n" in heard


def test_a_hanging_name_lookup_is_cut_at_the_deadline() -> None:
    over = threading.Event()

    def hang(host: str, port: int) -> list[Endpoint]:
        over.wait(60)
        return []

    client = HttpClient(AddressBook(resolve=hang))
    started = time.monotonic()
    outcome = client.send("northwind", a_request("https://insurer.example/", deadline_s=0.2))
    over.set()

    assert outcome == NoReply(NoReplyKind.NOT_SENT, "name lookup of insurer.example hangs")
    assert time.monotonic() - started < LIMIT_S


def test_a_connection_nobody_takes_is_not_sent_and_cut() -> None:
    client = HttpClient(AddressBook(allow_loopback_http=True), connect_s=0.3)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        started = time.monotonic()
        outcome = client.send("northwind", a_request(f"http://127.0.0.1:{address[1]}/"))

    assert isinstance(outcome, NoReply)
    if outcome.kind is NoReplyKind.UNKNOWN:
        pytest.skip("this kernel takes connections beyond the backlog")
    assert outcome.kind is NoReplyKind.NOT_SENT
    assert outcome.error.endswith("timed out")
    assert time.monotonic() - started < LIMIT_S


def test_an_unreadable_url_is_not_sent(client: HttpClient) -> None:
    outcome = client.send("northwind", a_request("https://[::1/fhir?identifier=SECRET"))

    assert isinstance(outcome, NoReply)
    assert outcome.kind is NoReplyKind.NOT_SENT
    assert "SECRET" not in outcome.error


def test_a_certificate_nobody_vouches_for_is_a_tls_failure(tls: ssl.SSLContext) -> None:
    client = at_home()
    with insurer(answers(OK), tls) as server:
        outcome = client.send("northwind", a_request(f"https://insurer.example:{server.port}/"))

        assert isinstance(outcome, NoReply)
        assert outcome.kind is NoReplyKind.TLS
        assert "certificate refused: self-signed certificate" in outcome.error
        assert server.requests == []


def test_a_certificate_for_another_name_is_a_tls_failure(
    tls: ssl.SSLContext, certificate: Path
) -> None:
    client = at_home(certificate)
    with insurer(answers(OK), tls) as server:
        outcome = client.send("northwind", a_request(f"https://other.example:{server.port}/"))

    assert isinstance(outcome, NoReply)
    assert outcome.kind is NoReplyKind.TLS
    assert "certificate refused: Hostname mismatch" in outcome.error


def test_a_server_that_speaks_no_tls_is_a_tls_failure() -> None:
    def speak_plainly(line: Line, number: int) -> None:
        line.say(b"220 welcome to the mail server\r\n")
        line.wait()

    client = at_home()
    with insurer(speak_plainly) as server:
        outcome = client.send("northwind", a_request(f"https://insurer.example:{server.port}/"))

    assert isinstance(outcome, NoReply)
    assert outcome.kind is NoReplyKind.TLS


def test_a_silent_handshake_is_not_sent_and_cut_at_the_deadline() -> None:
    client = at_home()
    with insurer(lambda line, number: line.wait()) as server:
        started = time.monotonic()
        request = a_request(f"https://insurer.example:{server.port}/", deadline_s=0.3)
        outcome = client.send("northwind", request)

        assert outcome == NoReply(
            NoReplyKind.NOT_SENT, "no TLS handshake with insurer.example in time"
        )
        assert time.monotonic() - started < LIMIT_S


def test_the_vetted_address_is_called_under_the_original_name(
    tls: ssl.SSLContext, certificate: Path
) -> None:
    names: list[str] = []
    tls.sni_callback = lambda sock, name, context: names.append(name)  # type: ignore[assignment]
    client = at_home(certificate)
    with insurer(answers(OK, OK), tls) as server:
        for _ in range(2):
            reply = client.send("northwind", a_request(f"https://insurer.example:{server.port}/"))
            assert isinstance(reply, Reply), reply

        assert names == ["insurer.example"]
        assert f"Host: insurer.example:{server.port}".encode() in server.requests[0]
        assert server.accepted == 1
    client.close()


@pytest.mark.parametrize("says", [False, None])
def test_a_closed_fence_keeps_every_byte_back(client: HttpClient, says: bool | None) -> None:
    def fence() -> bool:
        if says is None:
            raise RuntimeError("SECRET database text")
        return says

    with insurer(answers(OK)) as server:
        outcome = client.send("northwind", a_request(server.url, fence=fence))

        assert isinstance(outcome, NoReply)
        assert outcome.kind is NoReplyKind.FENCED
        assert "SECRET" not in outcome.error
        assert server.requests == []


def test_the_fence_is_asked_once_per_exchange_after_connecting(client: HttpClient) -> None:
    seen: list[tuple[int, int]] = []
    with insurer(answers(OK, OK, OK)) as server:

        def fence() -> bool:
            seen.append((server.accepted, len(server.requests)))
            return True

        for _ in range(3):
            client.send("northwind", a_request(server.url, body=b"x" * 1_000_000, fence=fence))

        assert seen[1:] == [(1, 1), (1, 2)]
        assert len(seen) == 3


def test_a_fence_closes_a_kept_connection_too(client: HttpClient) -> None:
    with insurer(answers(OK, OK)) as server:
        client.send("northwind", a_request(server.url))
        outcome = client.send("northwind", a_request(server.url, fence=lambda: False))

        assert isinstance(outcome, NoReply)
        assert outcome.kind is NoReplyKind.FENCED
        assert len(server.requests) == 1


def test_a_process_frozen_in_the_fence_past_its_deadline_sends_nothing(client: HttpClient) -> None:
    def freeze() -> bool:
        time.sleep(0.6)
        return True

    with insurer(answers(OK)) as server:
        outcome = client.send("northwind", a_request(server.url, deadline_s=0.5, fence=freeze))

        assert outcome == NoReply(NoReplyKind.NOT_SENT, "the 0.5 s were over before the first byte")
        assert server.requests == []


def test_a_closed_client_sends_nothing(client: HttpClient) -> None:
    with insurer(answers(OK)) as server:
        client.send("northwind", a_request(server.url))
        client.close()
        outcome = client.send("northwind", a_request(server.url))

        assert outcome == NoReply(NoReplyKind.NOT_SENT, "this process is shutting down")


def at_home(ca_file: Path | None = None) -> HttpClient:
    """A client for which every name is this machine."""

    def resolve(host: str, port: int) -> list[Endpoint]:
        return [(socket.AF_INET, ("127.0.0.1", port))]

    book = AddressBook(allow_loopback_http=True, resolve=resolve)
    return HttpClient(book, ca_file=ca_file, idle_s=60)


class GivesWay:
    """A socket whose every setting lasts: other threads run meanwhile, or the process is frozen."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def gettimeout(self) -> None:
        """None was set yet."""

    def settimeout(self, _seconds: float) -> None:
        time.sleep(0.3)

    def send(self, data: memoryview) -> int:
        self.sent.append(bytes(data))
        return len(data)


def test_nothing_is_written_when_the_deadline_passes_right_before_the_write() -> None:
    line: Any = GivesWay()
    connection = PlainConnection("insurer.example", 80)
    connection.sock = line
    connection.exchange = Exchange(AddressBook(), None, 0.2, 1.0, time.monotonic() + 0.2)

    with pytest.raises(Stopped) as stopped:
        connection.send(b"POST / HTTP/1.1")

    assert stopped.value.kind is NoReplyKind.UNKNOWN  # asked about, as whatever had begun
    assert line.sent == []
