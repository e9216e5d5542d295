"""Connections: kept for one thread and one insurer, and never trusted for long."""

from __future__ import annotations

import threading
import time

import pytest
from insurers_servers import LIMIT_S, Line, a_request, answer, answers, insurer

from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply
from payer_gateway.insurers.addresses import AddressBook
from payer_gateway.insurers.client import HttpClient

OK = answer(b"{}")


def test_a_cookie_is_not_kept(client: HttpClient) -> None:
    with insurer(answers(answer(b"", "Set-Cookie: sid=1; Path=/"), OK)) as server:
        for _ in range(2):
            client.send("northwind", a_request(server.url))

        assert b"cookie" not in server.requests[1].lower()


def test_a_proxy_from_the_environment_is_not_used(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with insurer(answers(answer(b"proxy"))) as proxy, insurer(answers(OK)) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        outcome = client.send("northwind", a_request(server.url))

        assert isinstance(outcome, Reply)
        assert proxy.accepted == 0


def test_two_requests_share_one_connection(client: HttpClient) -> None:
    with insurer(answers(OK, OK)) as server:
        for _ in range(2):
            assert isinstance(client.send("northwind", a_request(server.url)), Reply)

        assert (server.accepted, len(server.requests)) == (1, 2)


def test_a_kept_connection_found_closed_is_made_anew(client: HttpClient) -> None:
    gone = threading.Event()

    def once(line: Line, number: int) -> None:
        line.hear()
        line.say(OK)
        line.sock.close()
        gone.set()

    with insurer(once) as server:
        for _ in range(2):
            gone.clear()
            assert isinstance(client.send("northwind", a_request(server.url)), Reply)
            assert gone.wait(LIMIT_S)

        assert server.accepted == 2


def test_a_kept_connection_closed_after_the_bytes_is_unknown_and_not_sent_again(
    client: HttpClient,
) -> None:
    def once(line: Line, number: int) -> None:
        line.hear()
        line.say(OK)
        line.hear()
        line.reset()

    with insurer(once) as server:
        client.send("northwind", a_request(server.url))
        outcome = client.send("northwind", a_request(server.url))

        assert isinstance(outcome, NoReply)
        assert outcome.kind is NoReplyKind.UNKNOWN
        assert (server.accepted, len(server.requests)) == (1, 2)


def test_a_connection_idle_for_long_is_not_trusted_any_more() -> None:
    client = HttpClient(AddressBook(allow_loopback_http=True), idle_s=0.05)
    with insurer(answers(OK, OK)) as server:
        client.send("northwind", a_request(server.url))
        time.sleep(0.1)
        client.send("northwind", a_request(server.url))

        assert server.accepted == 2
        client.close()


def test_threads_and_insurers_never_share_a_connection(client: HttpClient) -> None:
    outcomes: list[Reply | NoReply] = []
    with insurer(answers(OK, OK, OK, OK)) as server:

        def work() -> None:
            for name in ("northwind", "northwind", "other"):
                outcomes.append(client.send(name, a_request(server.url)))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert all(isinstance(outcome, Reply) for outcome in outcomes)
        assert server.accepted == 8
        assert len(server.requests) == 12
