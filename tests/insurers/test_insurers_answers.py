"""After the first byte: a complete answer is a reply, anything less is unknown."""

from __future__ import annotations

import gzip
import logging
import socket
import ssl
import time
import tracemalloc
import zlib
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from insurers_servers import LIMIT_S, Line, a_request, answer, answers, by_name, insurer

from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply
from payer_gateway.insurers.addresses import AddressBook
from payer_gateway.insurers.client import HttpClient

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
OK = answer(b"{}")


def after_hearing(act: Callable[[Line, bytes], None]) -> Callable[[Line, int], None]:
    def behave(line: Line, number: int) -> None:
        act(line, line.hear())

    return behave


def flood(line: Line, heard: bytes) -> None:
    line.say(HEAD)
    for number in range(1600):  # 100 MB in all
        line.say(b"X-%d: %s\r\n" % (number, b"a" * 62_500))


def interim_flood(line: Line, heard: bytes) -> None:
    while True:
        line.say(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


BROKEN: dict[str, Callable[[Line, bytes], None]] = {
    "reset after the body": lambda line, heard: line.reset(),
    "end before the status": lambda line, heard: None,
    "end within the status": lambda line, heard: line.say(b"HTTP/1.1 2"),
    "end within the headers": lambda line, heard: line.say(HEAD + b"Content-Type: applic"),
    "end after a header line": lambda line, heard: line.say(HEAD + b"Content-Type: a/b\r\n"),
    "half a body": lambda line, heard: line.say(answer(b"x" * 1000)[:-500]),
    "half a chunk": lambda line, heard: line.say(CHUNKED + b"a\r\n12345"),
    "no last chunk": lambda line, heard: line.say(CHUNKED + b"5\r\n12345\r\n"),
    "a chunk of no size": lambda line, heard: line.say(CHUNKED + b"zz\r\n12345\r\n0\r\n\r\n"),
    "a chunk of negative size": lambda line, heard: line.say(CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n"),
    "a chunk size without end": lambda line, heard: line.say(CHUNKED + b"1" * 1_000_000),
    "the request echoed": lambda line, heard: line.say(heard),
    "garbage": lambda line, heard: line.say(b"\x00\xff SECRET-TOKEN\r\n\r\n"),
    "another protocol": lambda line, heard: line.say(b"HTTP/7 200 SECRET-PATIENT\r\n\r\n"),
    "a header of no form": lambda line, heard: line.say(HEAD + b"SECRET-TOKEN\r\nA: b\r\n\r\n"),
    "no field name": lambda line, heard: line.say(HEAD + b": SECRET-TOKEN\r\n\r\n"),
    "a space before the colon": lambda line, heard: line.say(HEAD + b"A : SECRET\r\n\r\n"),
    "a fold under no line": lambda line, heard: line.say(HEAD + b" SECRET\r\n\r\n"),
    "a length of no number": lambda line, heard: line.say(HEAD + b"Content-Length: +2\r\n\r\n{}"),
    "an odd transfer coding": lambda line, heard: line.say(
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    ),
    "another protocol asked for": lambda line, heard: line.say(
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK
    ),
    "lengths at odds": lambda line, heard: line.say(answer(b"{}", "Content-Length: 3")),
    "100 MB of headers": flood,
    "interim answers only": interim_flood,
    "only early hints": lambda line, heard: line.say(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "cut gzip": lambda line, heard: line.say(
        answer(gzip.compress(b"{}" * 99)[:-9], "Content-Encoding: gzip")
    ),
    "no gzip": lambda line, heard: line.say(answer(b"SECRET", "Content-Encoding: gzip")),
    "brotli": lambda line, heard: line.say(answer(b"SECRET", "Content-Encoding: br")),
}


@pytest.mark.parametrize("act", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_is_unknown_and_its_error_tells_no_secret(
    client: HttpClient, act: Callable[[Line, bytes], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with insurer(after_hearing(act)) as server:
        started = time.monotonic()
        outcome = client.send("northwind", a_request(server.url + "?identifier=SECRET-CLAIM"))

        assert isinstance(outcome, NoReply), outcome
        assert outcome.kind is NoReplyKind.UNKNOWN
        assert time.monotonic() - started < LIMIT_S
        assert 0 < len(outcome.error) < 100
        assert not outcome.error.startswith("unexpected"), outcome.error
        assert "SECRET" not in outcome.error + caplog.text
        assert server.accepted == len(server.requests) == 1


def test_a_flood_of_interim_answers_is_cut_by_size_not_by_time(client: HttpClient) -> None:
    with insurer(after_hearing(interim_flood)) as server:
        outcome = client.send("northwind", a_request(server.url))

        assert outcome == NoReply(NoReplyKind.UNKNOWN, "header larger than 262144 bytes")


def stall_reading(line: Line, number: int) -> None:
    line.wait()


SLOW: dict[str, Callable[[Line, int], None]] = {
    "stalling": after_hearing(lambda line, heard: line.wait()),
    "not even reading": stall_reading,
    "dripping a header": after_hearing(lambda line, heard: line.drip(HEAD + b"A: bbbb" * 99)),
    "dripping a body": after_hearing(
        lambda line, heard: (line.say(HEAD + b"Content-Length: 999\r\n\r\n"), line.drip(b"x"))[1]
    ),
    "dripping chunks": after_hearing(
        lambda line, heard: (line.say(CHUNKED), line.drip(b"1\r\nx\r\n", 0.05))[1]
    ),
}


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW.keys())
def test_a_slow_insurer_is_cut_at_the_deadline(
    client: HttpClient, behave: Callable[[Line, int], None]
) -> None:
    with insurer(behave) as server:
        started = time.monotonic()
        request = a_request(server.url, body=b"x" * 20_000_000, deadline_s=0.6)
        outcome = client.send("northwind", request)

        assert outcome == NoReply(NoReplyKind.UNKNOWN, "no complete answer within 0.6 s")
        assert time.monotonic() - started < LIMIT_S


def test_a_drip_over_tls_is_cut_at_the_deadline(tls: ssl.SSLContext, certificate: Path) -> None:
    client = by_name(certificate)
    with insurer(after_hearing(lambda line, heard: line.drip(HEAD)), tls) as server:
        started = time.monotonic()
        request = a_request(f"https://insurer.example:{server.port}/", deadline_s=0.6)
        outcome = client.send("northwind", request)

        assert outcome == NoReply(NoReplyKind.UNKNOWN, "no complete answer within 0.6 s")
        assert time.monotonic() - started < LIMIT_S


def as_of_debian(cls: type[ssl.SSLContext], protocol: int) -> ssl.SSLContext:
    """Some builds of Python make them so: the end of a line is as good as a goodbye."""
    context = MADE(cls, protocol)
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


MADE = ssl.SSLContext.__new__


@pytest.mark.parametrize("goodbye", [True, False])
def test_an_answer_without_length_over_tls_needs_a_proper_goodbye(
    tls: ssl.SSLContext, certificate: Path, goodbye: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl.SSLContext, "__new__", as_of_debian)

    def say_and_close(line: Line, heard: bytes) -> None:
        line.say(HEAD + b"\r\n{}")
        if goodbye:
            line.sock.unwrap()  # type: ignore[attr-defined]
        line.sock.shutdown(socket.SHUT_RDWR)

    client = by_name(certificate)
    with insurer(after_hearing(say_and_close), tls) as server:
        outcome = client.send("northwind", a_request(f"https://insurer.example:{server.port}/"))

    if goodbye:
        assert isinstance(outcome, Reply), outcome
    else:
        assert isinstance(outcome, NoReply), outcome
        assert outcome.kind is NoReplyKind.UNKNOWN


def test_a_gzip_bomb_is_stopped_by_the_cap_without_unfolding() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    zeros = bytes(1_000_000)
    bomb = b"".join(packer.compress(zeros) for _ in range(100)) + packer.flush()
    client = HttpClient(AddressBook(allow_loopback_http=True), max_reply_bytes=1_000_000)
    with insurer(answers(answer(bomb, "Content-Encoding: gzip"))) as server:
        tracemalloc.start()
        outcome = client.send("northwind", a_request(server.url))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert outcome == NoReply(NoReplyKind.UNKNOWN, "reply larger than 1000000 bytes")
    assert peak < 10_000_000


@pytest.mark.parametrize("size", [1000, 1001])
def test_a_body_up_to_the_cap_is_a_reply(size: int) -> None:
    client = HttpClient(AddressBook(allow_loopback_http=True), max_reply_bytes=1000)
    with insurer(answers(answer(b"x" * size))) as server:
        outcome = client.send("northwind", a_request(server.url))
        client.close()

    if size == 1000:
        assert isinstance(outcome, Reply), outcome
        assert outcome.body == b"x" * 1000
    else:
        assert outcome == NoReply(NoReplyKind.UNKNOWN, "reply larger than 1000 bytes")


def test_gzip_is_decoded_though_not_asked_for(client: HttpClient) -> None:
    packed = answer(gzip.compress(b'{"a":1}'), "Content-Encoding: gzip", "Content-Type: a/b")
    with insurer(answers(packed)) as server:
        outcome = client.send("northwind", a_request(server.url))

        assert outcome == Reply(200, {"content-type": "a/b"}, b'{"a":1}')
        assert b"Accept-Encoding: identity\r\n" in server.requests[0]


def test_a_chunked_answer_is_put_together(client: HttpClient) -> None:
    with insurer(answers(CHUNKED + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", OK)) as server:
        outcome = client.send("northwind", a_request(server.url))

        assert isinstance(outcome, Reply), outcome
        assert outcome.body == b"abcde"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_body_is_a_reply(client: HttpClient, status: str) -> None:
    with insurer(answers(b"HTTP/1.1 %s\r\n\r\n" % status.encode(), OK)) as server:
        first = client.send("northwind", a_request(server.url))
        second = client.send("northwind", a_request(server.url))

        assert isinstance(first, Reply) and isinstance(second, Reply)
        assert first.body == b""
        assert server.accepted == 1


def test_a_retry_after_without_a_date_is_counted_from_when_the_answer_came(
    client: HttpClient,
) -> None:
    until = "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT"
    with insurer(answers(answer(b"", until, status="503 Busy"))) as server:
        outcome = client.send("northwind", a_request(server.url))

        assert isinstance(outcome, Reply), outcome
        assert parsedate_to_datetime(outcome.headers["date"]).tzinfo is not None


def test_headers_come_in_lower_case_and_repeated_ones_joined(client: HttpClient) -> None:
    reply = answer(b"", "X-Trace: a", "x-trace: b", "Retry-After: 7", "Date: D", status="503 Busy")
    with insurer(answers(reply)) as server:
        outcome = client.send("northwind", a_request(server.url))

        headers = {"content-length": "0", "x-trace": "a, b", "retry-after": "7", "date": "D"}
        assert outcome == Reply(503, headers, b"")
        assert len(server.requests) == 1


def test_a_folded_header_is_one_line_and_has_no_white_space_around_it(client: HttpClient) -> None:
    reply = answer(b"{}", "X-Trace: \t a ", "  b\t", "Server:")
    with insurer(answers(reply)) as server:
        outcome = client.send("northwind", a_request(server.url))

        headers = {"content-length": "2", "x-trace": "a b", "server": ""}
        assert outcome == Reply(200, headers, b"{}")


def test_a_nul_in_a_header_is_a_space(client: HttpClient) -> None:
    with insurer(answers(answer(b"{}", "Content-Type: application/\0json"))) as server:
        outcome = client.send("northwind", a_request(server.url))

        headers = {"content-length": "2", "content-type": "application/ json"}
        assert outcome == Reply(200, headers, b"{}")


def test_interim_answers_are_passed_over(client: HttpClient) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Trace: a\r\n\r\n"
    with insurer(answers(interim + OK)) as server:
        outcome = client.send("northwind", a_request(server.url))

        assert outcome == Reply(200, {"content-length": "2"}, b"{}")


def test_the_same_length_said_twice_is_one_length(client: HttpClient) -> None:
    with insurer(answers(answer(b"{}", "Content-Length: 2"))) as server:
        outcome = client.send("northwind", a_request(server.url))

        assert isinstance(outcome, Reply), outcome
        assert outcome.body == b"{}"


def test_a_redirect_is_a_reply_and_nobody_follows_it(client: HttpClient) -> None:
    with insurer(answers(OK)) as elsewhere:
        moved = answer(b"x", f"Location: {elsewhere.url}", status="307 Temporary Redirect")
        with insurer(answers(moved)) as server:
            outcome = client.send("northwind", a_request(server.url))

            assert isinstance(outcome, Reply), outcome
            assert outcome.status == 307
            assert elsewhere.accepted == 0


def test_an_early_refusal_is_read_although_the_body_was_not_taken(client: HttpClient) -> None:
    def refuse(line: Line, number: int) -> None:
        line.sock.recv(1000)
        line.say(answer(b"too large", "Connection: close", status="413 Too Large"))
        line.sock.shutdown(socket.SHUT_WR)
        while line.sock.recv(65536):
            pass

    with insurer(refuse) as server:
        outcome = client.send("northwind", a_request(server.url, body=b"x" * 5_000_000))

    assert isinstance(outcome, Reply), outcome
    assert outcome.status == 413
