"""The roster: kept in bulk, looked up by blind keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    CompoundSelect,
    Row,
    Table,
    bindparam,
    null,
    select,
    type_coerce,
    union_all,
    update,
)

from payer_gateway.storage import bodies
from payer_gateway.storage.database import Work
from payer_gateway.storage.ids import new_id
from payer_gateway.storage.prepared import Prepared
from payer_gateway.storage.statements import insert_if_absent, insert_many
from payer_gateway.storage.tables import (
    body,
    roster_import,
    roster_member,
    roster_plan,
    roster_usage,
    tenant,
)


class Kept(NamedTuple):
    """A line of a roster as it is kept: keys, and bytes that tell of nobody else."""

    member_key: str
    insurer: str
    plan: str
    subscriber_key: str | None
    employee_key: str | None
    membership: bytes
    year: int | None  # in which the benefit year of ``usage`` begins
    usage: bytes | None


@dataclass(slots=True)
class Counts:
    """Members that an import added, changed (their cover or what they used), or found as they were
    on the roster."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0

    def __iadd__(self, other: Counts) -> Counts:
        self.added += other.added
        self.changed += other.changed
        self.unchanged += other.unchanged
        return self


@dataclass(frozen=True, slots=True)
class Found:
    """What is kept of one member: the bytes of the membership and of each year's use."""

    member_key: str
    membership: bytes
    changed_on: date | None
    changed_at: datetime  # of this, whether membership or use
    usage: tuple[bytes, ...]


# -- imports --------------------------------------------------------------------------------------


def begin_import(work: Work, tenant_id: str, by: str, *, is_strict: bool) -> str:
    import_id = new_id(work.now)
    work.conn.execute(
        roster_import.insert().values(
            tenant_id=tenant_id,
            id=import_id,
            started_at=work.now,
            started_by=by,
            is_strict=is_strict,
        )
    )
    return import_id


def end_import(work: Work, tenant_id: str, import_id: str, **values: Any) -> None:
    work.conn.execute(
        update(roster_import)
        .where(roster_import.c.tenant_id == tenant_id, roster_import.c.id == import_id)
        .values(ended_at=work.now, **values)
    )


def keep(
    work: Work, tenant_id: str, import_id: str, lines: Sequence[Kept], changed_on: date
) -> Counts:
    """Bring the roster to what these lines say, each of another member. What they do not mention,
    such as the use of another year, stays."""
    # In the order of the index, whose pages are then each written once.
    lines = sorted(lines, key=lambda line: line.member_key)
    # One import of a tenant writes at a time; whoever comes second finds what the first has added.
    work.conn.execute(
        select(tenant.c.id).where(tenant.c.id == tenant_id).with_for_update(key_share=True)
    )
    for insurer, plan in {(line.insurer, line.plan) for line in lines}:
        insert_if_absent(
            work,
            roster_plan,
            {"tenant_id": tenant_id, "insurer_id": insurer, "plan": plan, "since": work.now},
        )
    members = _Side(
        roster_member,
        ("member_key",),
        {(line.member_key,): line.membership for line in lines},
        {
            (line.member_key,): {
                "insurer_id": line.insurer,
                "plan": line.plan,
                "subscriber_key": line.subscriber_key,
                "employee_key": line.employee_key,
            }
            for line in lines
        },
    )
    usage = _Side(
        roster_usage,
        ("member_key", "year"),
        {(line.member_key, line.year): line.usage for line in lines if line.usage is not None},
        {},
    )
    added, changed = members.bring(work, tenant_id, import_id, {"changed_on": changed_on})
    more, others = usage.bring(work, tenant_id, import_id, {})
    new = {key[0] for key in added}
    touched = {key[0] for key in (*changed, *more, *others)} - new
    return Counts(len(new), len(touched), len(lines) - len(new) - len(touched))


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two tables, and what its rows are to hold: bytes by key, and other columns."""

    table: Table
    key: tuple[str, ...]
    wanted: Mapping[tuple[Any, ...], bytes]
    columns: Mapping[tuple[Any, ...], Mapping[str, Any]]

    def bring(
        self, work: Work, tenant_id: str, import_id: str, on_change: Mapping[str, Any]
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """Add what is new, change what differs; the keys of both."""
        there = self._there(work, tenant_id)
        hashes = {k: hashlib.sha256(data).hexdigest() for k, data in self.wanted.items()}
        added = [k for k in self.wanted if k not in there]
        changed = [k for k in self.wanted if k in there and there[k].content_sha256 != hashes[k]]
        self._add(work, tenant_id, import_id, added, hashes)
        if changed:
            rows = [(there[k].body_id, hashes[k], self.wanted[k]) for k in changed]
            bodies.replace_many(work, tenant_id, rows)
            self._change(work, tenant_id, import_id, changed, hashes, on_change)
        return added, changed

    def _there(self, work: Work, tenant_id: str) -> dict[tuple[Any, ...], Row[Any]]:
        t = self.table.c
        keys = list({key[0] for key in self.wanted})
        rows: Any = work.conn.execute(
            select(*(t[name] for name in self.key), t.body_id, t.content_sha256).where(
                t.tenant_id == tenant_id, t.member_key.in_(keys)
            )
        ).all()
        return {tuple(row[: len(self.key)]): row for row in rows}

    def _add(
        self,
        work: Work,
        tenant_id: str,
        import_id: str,
        added: Sequence[tuple[Any, ...]],
        hashes: Mapping[tuple[Any, ...], str],
    ) -> None:
        if not added:
            return
        ids = bodies.add_many(work, tenant_id, [(hashes[k], self.wanted[k]) for k in added])
        own = tuple(self.columns[added[0]]) if self.columns else ()
        insert_many(
            work,
            self.table,
            (
                *("tenant_id", *self.key, *own, "body_id", "content_sha256"),
                *("changed_at", "import_id"),
            ),
            [
                (
                    tenant_id,
                    *k,
                    *(self.columns[k].values() if own else ()),
                    body_id,
                    hashes[k],
                    work.now,
                    import_id,
                )
                for k, body_id in zip(added, ids, strict=True)
            ],
        )

    def _change(
        self,
        work: Work,
        tenant_id: str,
        import_id: str,
        changed: Sequence[tuple[Any, ...]],
        hashes: Mapping[tuple[Any, ...], str],
        on_change: Mapping[str, Any],
    ) -> None:
        t = self.table.c
        work.conn.execute(
            update(self.table).where(
                t.tenant_id == tenant_id,
                *(t[name] == bindparam(f"key_{name}") for name in self.key),
            ),
            [
                {
                    **{f"key_{name}": part for name, part in zip(self.key, k, strict=True)},
                    **self.columns.get(k, {}),
                    **on_change,
                    "content_sha256": hashes[k],
                    "changed_at": work.now,
                    "import_id": import_id,
                }
                for k in changed
            ],
        )


# -- looking up -----------------------------------------------------------------------------------


def plans_of(work: Work, tenant_id: str, insurer: str) -> tuple[str, ...]:
    """The plans of this insurer of which the tenant has a roster, by name."""
    p = roster_plan.c
    query = select(p.plan).where(p.tenant_id == tenant_id, p.insurer_id == insurer)
    return tuple(work.conn.execute(query.order_by(p.plan)).scalars())


def member(work: Work, tenant_id: str, member_key: str) -> Found | None:
    """What is kept of the member with this blind key; None: not on the roster."""
    rows = _MEMBER.rows(work, tenant=tenant_id, member=member_key)
    own = [(content, on, at) for year, content, on, at in rows if year is None]
    if not own:
        return None
    ((content, changed_on, _),) = own
    used = sorted((year, bytes(spent)) for year, spent, _, _ in rows if year is not None)
    return Found(
        member_key,
        bytes(content),
        changed_on,
        max(at for _, _, _, at in rows),
        tuple(spent for _, spent in used),
    )


def _member() -> CompoundSelect[Any]:
    """A line of the roster and what was used in each benefit year: one trip to the database."""
    m, u = roster_member.c, roster_usage.c
    kept_in = (body.c.tenant_id == m.tenant_id) & (body.c.id == m.body_id)
    spent_in = (body.c.tenant_id == u.tenant_id) & (body.c.id == u.body_id)
    line = (
        select(type_coerce(null(), u.year.type), body.c.bytes, m.changed_on, m.changed_at)
        .join_from(roster_member, body, kept_in)
        .where(m.tenant_id == bindparam("tenant"), m.member_key == bindparam("member"))
    )
    spent = (
        select(u.year, body.c.bytes, null(), u.changed_at)
        .join_from(roster_usage, body, spent_in)
        .where(u.tenant_id == bindparam("tenant"), u.member_key == bindparam("member"))
    )
    return union_all(line, spent)


_MEMBER = Prepared(lambda _: _member())


def of_employee(work: Work, tenant_id: str, employee_key: str) -> tuple[Found, ...]:
    """Memberships of an employer's employee, or a dependent, born on that day: one a plan, or more
    where two persons share all three (twins). What they used is not loaded."""
    return _without_usage(work, tenant_id, roster_member.c.employee_key == employee_key)


def dependents(work: Work, tenant_id: str, member_key: str) -> tuple[Found, ...]:
    """Memberships that name this member as their subscriber. What they used is not loaded."""
    return _without_usage(work, tenant_id, roster_member.c.subscriber_key == member_key)


def _without_usage(work: Work, tenant_id: str, which: Any) -> tuple[Found, ...]:
    return tuple(
        Found(row.member_key, bytes(row.bytes), row.changed_on, row.changed_at, ())
        for row in _memberships(work, tenant_id, which)
    )


def _memberships(work: Work, tenant_id: str, which: Any) -> Any:
    m = roster_member.c
    rows: Any = work.conn.execute(
        select(m.member_key, m.changed_on, m.changed_at, body.c.bytes)
        .join_from(
            roster_member, body, (body.c.tenant_id == m.tenant_id) & (body.c.id == m.body_id)
        )
        .where(m.tenant_id == tenant_id, which)
        .order_by(m.insurer_id, m.plan, m.member_key)
    ).all()
    return rows
