"""The installed command on a real socket."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fhir_requests import asked_about, encoded
from web_surface import ROOT, V1, consultation, environment

from payer_gateway.app import build_services, create_app
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.settings import Settings
from payer_gateway.workflow import clients

COMMAND = Path(sys.executable).parent / "payer-gateway"
MIB = 1024 * 1024


class Served:
    def __init__(self, process: subprocess.Popen[str], port: int, key: str) -> None:
        self.process, self.port, self.key = process, port, key

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request(method, path, body, sent | headers, encode_chunked=True)
            answer = line.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            line.close()

    def raw(self, request: bytes) -> bytes:
        """Everything that comes back for these bytes until the other side closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as line:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            received = b""
            while read := line.recv(65536):
                received += read
            return received

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


def _environ(folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PAYER_GATEWAY_")}
    return {**kept, **environment(folder), **more}


def _new_key(environ: dict[str, str]) -> str:
    added = subprocess.run(
        [COMMAND, "client", "add", "test", "--role", "ops", "--json"],
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    key: str = json.loads(added.stdout)["key"]
    return key


@contextmanager
def _served(folder: Path, *options: str, **settings: str) -> Iterator[Served]:
    environ = _environ(folder, **settings)
    key = _new_key(environ)
    with subprocess.Popen(
        [COMMAND, "serve", "--port", "0", *options],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready.startswith("payer-gateway on http://127.0.0.1:"), process.communicate()
            yield Served(process, int(ready.rpartition(":")[2]), key)
        finally:
            with suppress(ProcessLookupError):
                process.kill()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with _served(tmp_path) as running:
        yield running


def _until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


def test_a_visit_over_a_real_socket(served: Served) -> None:
    body = json.dumps(consultation()).encode()

    made = served.ask("POST", f"{V1}/consultations", body)
    again = served.ask("POST", f"{V1}/consultations", iter([body[:100], body[100:]]))
    shown = served.ask("GET", made[1]["Location"])
    large = served.ask("POST", f"{V1}/consultations", body + b" " * 5 * MIB)
    stranger = served.ask("GET", f"{V1}/submissions", Authorization="Bearer nobody")

    assert (made[0], again[0], shown[0], large[0], stranger[0]) == (201, 200, 200, 413, 401)
    assert made[2] == again[2] == shown[2]
    assert json.loads(large[2])["type"].endswith("too-large")
    assert "Server" not in made[1]
    assert served.ask("GET", "/readyz")[0] == 200


def test_a_chunked_body_that_is_too_large_is_refused(served: Served) -> None:
    chunks = (b" " * 65536 for _ in range(40))

    status, headers, body = served.ask("POST", f"{V1}/consultations", chunks)

    assert status == 413
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["status"] == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "99999999999999999999", "10, 20"])
def test_a_length_that_cannot_be_is_refused(served: Served, length: str) -> None:
    answer = served.raw(
        f"POST {V1}/consultations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{}}".encode()
    )

    assert answer.split()[1] in (b"400", b"413")


def test_a_body_that_never_comes_whole_is_not_taken_in(served: Served, tmp_path: Path) -> None:
    body = json.dumps(consultation()).encode()
    served.raw(
        f"POST {V1}/consultations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body) + 1}\r\n\r\n".encode()
        + body
    )

    assert _count(tmp_path, "consultation") == 0


def _count(folder: Path, table: str) -> int:
    with sqlite3.connect(folder / "gateway.db") as connection:
        (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    connection.close()
    return int(found)


def test_what_is_asked_when_it_stops_is_answered_and_kept(tmp_path: Path) -> None:
    with _served(tmp_path, "--threads", "2") as served:
        answers: list[int] = []
        lock = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")  # the request waits for this writer

        def post() -> None:
            body = json.dumps(consultation())
            answers.append(served.ask("POST", f"{V1}/consultations", body)[0])

        asking = Thread(target=post)
        asking.start()
        time.sleep(1)
        served.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert answers == []
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", served.port), timeout=1)
        lock.execute("ROLLBACK")
        lock.close()
        asking.join(20)

        assert answers == [201]
        assert served.process.wait(20) == 0
    assert _count(tmp_path, "submission") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_soon_although_a_connection_is_kept_open(served: Served, number: int) -> None:
    idle = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    idle.request("GET", "/healthz")
    assert idle.getresponse().read() == b'{"status":"up"}'

    asked_at = time.monotonic()
    code = served.stop(number)
    took = time.monotonic() - asked_at
    idle.close()

    assert code == 0
    assert took < 5
    assert served.process.stderr is not None
    assert served.process.stderr.read() == ""


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = subprocess.run(
            [COMMAND, "serve", "--port", str(taken.getsockname()[1])],
            env=_environ(tmp_path),
            capture_output=True,
            text=True,
        )

    assert ended.returncode == 2
    assert "cannot listen on 127.0.0.1" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_claim_taken_in_over_http_is_delivered_by_the_same_process(tmp_path: Path) -> None:
    with subprocess.Popen(
        [COMMAND, "sandbox", "--port", "0", "--ledger", str(tmp_path / "ledger.jsonl")],
        stdout=subprocess.PIPE,
        text=True,
        env=_environ(tmp_path),
    ) as insurer:
        try:
            assert insurer.stdout is not None
            address = insurer.stdout.readline().split()[-1]
            settings = {
                "PAYER_GATEWAY_INSURER_NORTHWIND_PPO_URL": address,
                "PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP": "1",
            }
            with _served(tmp_path, **settings) as served:
                body = json.dumps(consultation())
                made = json.loads(served.ask("POST", f"{V1}/consultations", body)[2])
                shown = f"{V1}/submissions/{made['submissions'][0]['id']}"

                def is_answered() -> bool:
                    row = json.loads(served.ask("GET", shown)[2])
                    return row["state"] == "accepted" and bool(row["ledger"])

                _until(is_answered)
                row = json.loads(served.ask("GET", shown)[2])
                assert [a["class"] for a in row["attempt_list"]] == ["accepted"]
                assert all(isinstance(f["billed"], str | None) for f in row["ledger"])
                assert served.stop() == 0
        finally:
            insurer.kill()


@pytest.fixture
def by_gunicorn(tmp_path: Path) -> Iterator[Served]:
    environ = _environ(tmp_path)
    key = _new_key(environ)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--threads", "2", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    with subprocess.Popen(
        [COMMAND.parent / "gunicorn", *options, "wsgi:application"],
        cwd=ROOT,
        env=environ,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        served = Served(process, port, key)

        def is_ready() -> bool:
            assert process.poll() is None
            with suppress(OSError):
                return served.ask("GET", "/readyz")[0] == 200
            return False

        try:
            _until(is_ready)
            yield served
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def test_gunicorn_serves_the_same_application(by_gunicorn: Served, tmp_path: Path) -> None:
    body = json.dumps(consultation()).encode()

    large = by_gunicorn.ask("POST", f"{V1}/consultations", (b" " * 65536 for _ in range(40)))
    by_gunicorn.raw(
        f"POST {V1}/consultations HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {by_gunicorn.key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body) + 1}\r\n\r\n".encode()
        + body
    )
    kept_of_the_cut_off_one = _count(tmp_path, "consultation")
    made = by_gunicorn.ask("POST", f"{V1}/consultations", iter([body[:100], body[100:]]))

    assert (large[0], kept_of_the_cut_off_one, made[0]) == (413, 0, 201)
    assert by_gunicorn.stop() == 0


def test_what_the_first_request_needs_is_read_before_it_comes(tmp_path: Path) -> None:
    mappings = tmp_path / "mappings"
    shutil.copytree(ROOT / "mappings", mappings)
    (mappings / "plans" / "UNREADABLE").mkdir()
    (mappings / "plans" / "UNREADABLE" / "v1.yaml").write_text("benefits: [")
    settings = Settings.from_env(environment(tmp_path, mappings))
    app = create_app(settings)
    services = build_services(settings)
    operator = Principal("default", Role.OPS, "local:test")
    key = clients.add(services, operator, "default", "clinic", Role.PROVIDER)["key"]
    shutil.rmtree(mappings / "insurers")
    shutil.rmtree(mappings / "dialects")

    answer = app.test_client().post(
        "/fhir/CoverageEligibilityRequest/$submit",
        data=encoded(asked_about(consultation())),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/fhir+json"},
    )

    assert answer.status_code == 200
    services.client.close()
    services.database.close()
