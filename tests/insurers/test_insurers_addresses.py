"""Server-side request forgery: an insurer's URL leads to insurers only."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from insurers_servers import a_request, answer, answers, insurer

from payer_gateway.domain.errors import SettingError
from payer_gateway.domain.exchange import NoReply, NoReplyKind, Reply
from payer_gateway.insurers.addresses import (
    AddressBook,
    AddressRefused,
    Endpoint,
    check_base_url,
)
from payer_gateway.insurers.client import HttpClient


def endpoint(address: str, port: int = 443) -> Endpoint:
    if ip_address(address).version == 4:
        return socket.AF_INET, (address, port)
    return socket.AF_INET6, (address, port, 0, 0)


def book(*addresses: str, **allow: bool) -> AddressBook:
    found = [endpoint(address) for address in addresses]
    return AddressBook(resolve=lambda host, port: found, **allow)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://insurer.example/fhir",
        "insurer.example/fhir",
        "//insurer.example/fhir",
        "",
        "https://",
        "https:///fhir",
        "http://insurer.example/fhir",
        "https://ok.example@127.0.0.1",
        "https://user:PASSWORD@insurer.example/",
        "https://insurer.example\\@127.0.0.1/",
        "https://insurer.example/fhir?tenant=1",
        "https://insurer.example/fhir?",
        "https://insurer.example/fhir#part",
        "https://insurer.example/fh ir",
        "https://insurer.example/\r\nX: y",
        "https://insurer.example:99999/",
        "https://[::1/",
    ],
)
def test_a_wrong_base_url_is_refused_with_setting_and_cure(url: str) -> None:
    with pytest.raises(SettingError, match=r"^PAYER_GATEWAY_INSURER_X_URL: .+; .+") as refused:
        check_base_url(url, setting="PAYER_GATEWAY_INSURER_X_URL")

    assert "PASSWORD" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://insurer.example", "https://insurer.example:8443/fhir/r4/", "HTTPS://a.example"]
)
def test_a_right_base_url_passes(url: str) -> None:
    check_base_url(url)


def test_plain_http_passes_only_with_the_setting() -> None:
    with pytest.raises(SettingError, match="PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP=1"):
        check_base_url("http://127.0.0.1:8080/fhir")

    check_base_url("http://127.0.0.1:8080/fhir", allow_loopback_http=True)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - nothing is bound
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.8.9.10",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_of_no_insurer_is_refused_with_its_cure(address: str) -> None:
    with pytest.raises(AddressRefused, match=r"insurer\.example resolves to .*; set the insurer"):
        book(address).vetted("https", "insurer.example", 443)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_a_public_address_is_called(address: str) -> None:
    assert book(address).vetted("https", "insurer.example", 443) == (endpoint(address),)


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    with pytest.raises(AddressRefused, match=r"169\.254\.169\.254"):
        book("8.8.8.8", "169.254.169.254").vetted("https", "insurer.example", 443)


@pytest.mark.parametrize("address", ["10.1.2.3", "172.31.0.1", "192.168.1.1", "fd12::1"])
def test_a_private_address_is_called_when_private_ones_are_allowed(address: str) -> None:
    allowing = book(address, allow_private=True)

    assert allowing.vetted("https", "insurer.example", 443) == (endpoint(address),)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "127.0.0.1", "100.64.0.1"])
def test_allowing_private_addresses_allows_nothing_else(address: str) -> None:
    with pytest.raises(AddressRefused):
        book(address, allow_private=True).vetted("https", "insurer.example", 443)


@pytest.mark.parametrize("address", ["64:ff9b::127.0.0.1", "2002:7f00:1::", "fe80::1"])
def test_allowing_this_machine_allows_no_way_around(address: str) -> None:
    with pytest.raises(AddressRefused):
        book(address, allow_loopback_http=True).vetted("https", "insurer.example", 443)


def test_plain_http_goes_to_this_machine_only() -> None:
    with pytest.raises(AddressRefused, match="plain http"):
        book("8.8.8.8", allow_loopback_http=True).vetted("http", "insurer.example", 443)
    with pytest.raises(AddressRefused, match="plain http"):
        book("127.0.0.1", "8.8.8.8", allow_loopback_http=True).vetted("http", "a.example", 443)

    assert book("::ffff:127.0.0.1", allow_loopback_http=True).vetted("http", "a.example", 80)


def test_an_odd_port_is_refused() -> None:
    with pytest.raises(AddressRefused, match="port 22; allowed are 443, 8443"):
        book("8.8.8.8").vetted("https", "insurer.example", 22)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "127.1",
        "localhost",
        "ok.example@127.0.0.1",
        "\uff11\uff12\uff17.0.0.1",
    ],
)
def test_a_refused_address_is_not_sent_and_nobody_is_called(host: str) -> None:
    client = HttpClient()
    with insurer(answers(answer(b""))) as server:
        outcome = client.send("northwind", a_request(f"https://{host}:{server.port}/fhir"))

        assert isinstance(outcome, NoReply), outcome
        assert outcome.kind is NoReplyKind.NOT_SENT
        assert server.accepted == 0


def test_a_user_name_in_the_url_is_not_sent(client: HttpClient) -> None:
    with insurer(answers(answer(b""))) as server:
        outcome = client.send("northwind", a_request(f"http://a:SECRET@127.0.0.1:{server.port}/"))

        assert isinstance(outcome, NoReply), outcome
        assert outcome.kind is NoReplyKind.NOT_SENT
        assert "SECRET" not in outcome.error
        assert server.accepted == 0


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "localhost"])
def test_an_odd_spelling_is_judged_by_what_it_resolves_to(client: HttpClient, host: str) -> None:
    with insurer(answers(answer(b""))) as server:
        outcome = client.send("northwind", a_request(f"http://{host}:{server.port}/fhir"))

        assert isinstance(outcome, Reply), outcome


def test_a_name_that_changes_its_mind_is_called_where_it_was_judged() -> None:
    told: list[str] = []

    def rebinding(host: str, port: int) -> list[Endpoint]:
        told.append("127.0.0.1" if not told else "169.254.169.254")
        return [endpoint(told[-1], port)]

    client = HttpClient(AddressBook(allow_loopback_http=True, resolve=rebinding))
    hang_up = answer(b"", "Connection: close")
    with insurer(answers(hang_up)) as server:
        url = f"http://rebinding.example:{server.port}/"
        first = client.send("northwind", a_request(url))
        second = client.send("northwind", a_request(url))

        assert isinstance(first, Reply), first
        assert isinstance(second, NoReply)
        assert "169.254.169.254" in second.error
        assert told == ["127.0.0.1", "169.254.169.254"]
        assert server.accepted == 1


def test_a_dead_first_address_leaves_time_for_the_second() -> None:
    with insurer(answers(answer(b""))) as server:

        def two(host: str, port: int) -> list[Endpoint]:
            return [endpoint("127.0.0.1", 1), endpoint("127.0.0.1", server.port)]

        client = HttpClient(AddressBook(allow_loopback_http=True, resolve=two))
        outcome = client.send("northwind", a_request(f"http://two.example:{server.port}/"))
        client.close()

    assert isinstance(outcome, Reply), outcome
