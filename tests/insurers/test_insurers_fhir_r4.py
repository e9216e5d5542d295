"""What base FHIR R4 requests look like, down to the request line."""

from __future__ import annotations

import pytest
from insurers_servers import answer, answers, insurer

from payer_gateway import __version__
from payer_gateway.domain.errors import MappingError, SettingError
from payer_gateway.insurers import fhir_r4
from payer_gateway.insurers.client import HttpClient


@pytest.mark.parametrize("base", ["", "/", "/fhir", "/a/b%20c/r4/"])
def test_a_submit_leaves_with_a_literal_dollar_below_any_base(
    client: HttpClient, base: str
) -> None:
    with insurer(answers(answer(b""))) as server:
        request = fhir_r4.submit(
            f"http://127.0.0.1:{server.port}{base}",
            b'{"resourceType":"Claim"}',
            token="t0ken",
            idempotency_key="key-1",
            deadline_s=5,
        )
        client.send("northwind", request)

        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        line, *headers = head.decode().split("\r\n")
        assert line == f"POST {base.rstrip('/')}/Claim/$submit HTTP/1.1"
        assert body == b'{"resourceType":"Claim"}'
        assert set(headers) == {
            f"Host: 127.0.0.1:{server.port}",
            "Accept: application/fhir+json",
            "Accept-Encoding: identity",
            "Authorization: Bearer t0ken",
            "Content-Length: 24",
            "Content-Type: application/fhir+json",
            "Idempotency-Key: key-1",
            f"User-Agent: payer-gateway/{__version__}",
        }


def test_a_search_encodes_the_whole_identifier(client: HttpClient) -> None:
    with insurer(answers(answer(b""))) as server:
        request = fhir_r4.search(
            server.url,
            "Claim?identifier={identifier}",
            "https://a.example/ids|7&x=1#é",
            deadline_s=5,
        )
        client.send("northwind", request)

        line = server.requests[0].partition(b"\r\n")[0].decode()
        encoded = "https%3A%2F%2Fa.example%2Fids%7C7%26x%3D1%23%C3%A9"
        assert line == f"GET /fhir/Claim?identifier={encoded} HTTP/1.1"
        assert b"content-type" not in server.requests[0].lower()


def test_metadata_is_a_plain_get() -> None:
    request = fhir_r4.metadata("https://insurer.example/r4/", deadline_s=5)

    assert (request.method, request.url) == ("GET", "https://insurer.example/r4/metadata")
    assert request.body is None
    assert "Authorization" not in request.headers


def test_a_header_of_the_profile_wins_over_the_default_case_apart() -> None:
    headers = {"content-type": "application/json", "X-Partner": "a b"}
    request = fhir_r4.submit("https://insurer.example", b"", headers=headers, deadline_s=5)

    assert request.headers["content-type"] == "application/json"
    assert "Content-Type" not in request.headers
    assert request.headers["X-Partner"] == "a b"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Partner", "a\r\nX-Evil: 1"),
        ("X-Partner", "a\n"),
        ("X-Partner", ""),
        ("X-Partner", " a"),
        ("X-Partner", "é"),
        ("X Partner", "a"),
        ("X:", "a"),
        ("", "a"),
        ("Host", "elsewhere"),
        ("content-length", "1"),
        ("Authorization", "Basic x"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(name: str, value: str) -> None:
    with pytest.raises(MappingError):
        fhir_r4.submit("https://insurer.example", b"", headers={name: value}, deadline_s=5)


@pytest.mark.parametrize("token", ["", "a b", "SECRET\r\nX: y", "SECRET\n", "SECRÉT"])
def test_a_token_that_cannot_be_sent_is_refused_without_telling_it(token: str) -> None:
    with pytest.raises(SettingError) as refused:
        fhir_r4.metadata("https://insurer.example", token=token, deadline_s=5)

    assert "SECR" not in str(refused.value)


def test_an_idempotency_key_cannot_break_out_of_its_header() -> None:
    with pytest.raises(MappingError):
        fhir_r4.submit("https://a.example", b"", idempotency_key="k\r\nX: y", deadline_s=5)


@pytest.mark.parametrize(
    "path",
    ["", "/Claim", "../Claim", "Claim/..", "Claim//x", "Claim?x=1", "https://b.example", "ä"],
)
def test_a_path_out_of_the_base_is_refused(path: str) -> None:
    with pytest.raises(MappingError):
        fhir_r4.submit("https://insurer.example", b"", path=path, deadline_s=5)


@pytest.mark.parametrize(
    "template",
    [
        "Claim",
        "Claim?identifier=",
        "Claim?identifier={identifer}",
        "Claim?a={identifier}&b={identifier}",
        "../Claim?a={identifier}",
        "Claim?a={identifier}#x",
        "Claim/{identifier}?a=b",
    ],
)
def test_an_inquiry_template_of_the_wrong_form_is_refused(template: str) -> None:
    with pytest.raises(MappingError):
        fhir_r4.search("https://insurer.example", template, "a|b", deadline_s=5)
