"""What must hold of the database at every moment, as SQL: each statement selects what breaks it.

``{seconds:column}`` stands for an instant in seconds, ``:settle`` for the settle time in seconds.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, text

INVARIANTS: dict[str, str] = {
    "a claim was stored without its submission": """
        SELECT c.id FROM claim c LEFT JOIN submission s ON s.claim_id = c.id WHERE s.id IS NULL
    """,
    "two submissions carry one claim identifier": """
        SELECT claim_identifier FROM submission
        GROUP BY tenant_id, insurer_id, claim_identifier HAVING count(*) > 1
    """,
    "a move that the table of moves does not hold": """
        SELECT t.submission_id FROM transition t
        LEFT JOIN submission_edge e ON e.source = t.source AND e.target = t.target
        WHERE t.source IS NOT NULL AND e.source IS NULL
    """,
    "a move that does not start where the one before it ended": """
        SELECT submission_id FROM (
            SELECT submission_id, source,
                lag(target) OVER (PARTITION BY submission_id ORDER BY seq) AS before
            FROM transition) moves
        WHERE coalesce(source, '') <> coalesce(before, '')
    """,
    "a submission is not where its last move ended": """
        SELECT s.id FROM submission s WHERE s.state <> (
            SELECT t.target FROM transition t WHERE t.submission_id = s.id
            ORDER BY t.seq DESC LIMIT 1)
    """,
    "two attempts are open at once": """
        SELECT submission_id FROM attempt WHERE ended_at IS NULL
        GROUP BY submission_id HAVING count(*) > 1
    """,
    "an open attempt is held by nobody": """
        SELECT a.submission_id FROM attempt a JOIN submission s ON s.id = a.submission_id
        WHERE a.ended_at IS NULL AND (s.lease_token IS NULL OR s.lease_token <> a.lease_token)
    """,
    "a submission is under way without an open attempt": """
        SELECT s.id FROM submission s WHERE s.state IN ('sending', 'inquiring') AND NOT EXISTS (
            SELECT 1 FROM attempt a WHERE a.submission_id = s.id AND a.ended_at IS NULL
            AND a.lease_token = s.lease_token)
    """,
    "an attempt ended without an outcome, or has one without an end": """
        SELECT submission_id FROM attempt WHERE (ended_at IS NULL) <> (class IS NULL)
    """,
    "the number of sends does not agree with the attempts": """
        SELECT s.id FROM submission s WHERE s.attempts <> (
            SELECT count(*) FROM attempt a WHERE a.submission_id = s.id AND a.kind = 'send')
    """,
    "a submission was sent with other bytes than before": """
        SELECT submission_id FROM attempt WHERE kind = 'send'
        GROUP BY submission_id HAVING count(DISTINCT request_body_id) <> 1
    """,
    "it went back to be sent though the insurer did not refuse it": """
        SELECT t.submission_id FROM transition t
        LEFT JOIN attempt a ON a.submission_id = t.submission_id AND a.n = t.attempt_n
        WHERE t.source = 'sending' AND t.target IN ('ready', 'retry_wait') AND coalesce(a.class, '')
            NOT IN ('not_sent', 'refused_transient', 'fenced', 'endpoint_fault')
        UNION ALL
        SELECT t.submission_id FROM transition t
        WHERE t.source = 'sending' AND t.event = 'lease expired'
            AND t.target NOT IN ('in_doubt', 'needs_human')
    """,
    "it was sent again in doubt, without two answers 'not found' a settle time apart": """
        SELECT s.submission_id FROM (
            SELECT submission_id, n, started_at,
                lag(n) OVER (PARTITION BY submission_id ORDER BY n) AS before,
                lag(class) OVER (PARTITION BY submission_id ORDER BY n) AS before_class,
                lag(ended_at) OVER (PARTITION BY submission_id ORDER BY n) AS before_ended
            FROM attempt WHERE kind = 'send') s
        WHERE s.before_class IN ('in_doubt', 'poison', 'duplicate_reported',
            'unreadable_answer')
        AND NOT EXISTS (
            SELECT 1 FROM transition t WHERE t.submission_id = s.submission_id
            AND t.event = 'resolved as not booked'
            AND t.at >= s.before_ended AND t.at <= s.started_at)
        AND coalesce((
            SELECT max({seconds:q.started_at}) - min({seconds:q.started_at})
            FROM attempt q WHERE q.submission_id = s.submission_id AND q.kind = 'inquire'
            AND q.class = 'not_found' AND q.n > s.before AND q.n < s.n
            AND {seconds:q.started_at} >= {seconds:s.before_ended} + :settle - 0.005
            ), -1) < :settle - 0.005
    """,
    "it was sent while an older one of its lane could still move": """
        SELECT a.submission_id FROM attempt a
        JOIN submission s ON s.id = a.submission_id
        JOIN submission older ON older.lane_key = s.lane_key AND older.insurer_id = s.insurer_id
            AND older.id < s.id
        WHERE a.kind = 'send' AND (
            SELECT t.target FROM transition t
            WHERE t.submission_id = older.id AND t.at <= a.started_at
            ORDER BY t.seq DESC LIMIT 1) IN (
            'ready', 'sending', 'retry_wait', 'in_doubt', 'inquiring')
    """,
    "it was accepted and the ledger does not say so": """
        SELECT s.id FROM submission s WHERE s.state = 'accepted' AND NOT EXISTS (
            SELECT 1 FROM ledger l WHERE l.submission_id = s.id AND l.kind = 'acknowledged')
    """,
}


def broken(connection: Connection, settle_s: float) -> list[str]:
    """What does not hold, with the ids that break it."""
    found = []
    for name, statement in INVARIANTS.items():
        query, values = _spelled(connection.dialect.name, statement), {}
        if ":settle" in query:
            values["settle"] = settle_s
        ids = sorted({str(row[0]) for row in connection.execute(text(query), values)})
        if ids:
            found.append(f"{name}: {', '.join(ids)}")
    return found


def _spelled(dialect: str, statement: str) -> Any:
    spelling = (
        r"extract(epoch FROM \1)"
        if dialect == "postgresql"
        else r"((julianday(\1) - 2440587.5) * 86400.0)"
    )
    return re.sub(r"\{seconds:([a-z_.]+)\}", spelling, statement)
