"""Procrastinate on PostgreSQL, with the documented periodic task that starts stalled jobs again (by
default they stay in ``doing``) and heartbeats short enough for this run.
"""

from __future__ import annotations

import sys

import posting
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.job_context import JobContext

app = App(connector=PsycopgConnector(conninfo=posting.BROKER))


@app.task(name="send", retry=RetryStrategy(max_attempts=posting.TRIES, wait=1))
def send(number: str) -> None:
    posting.post(number)


@app.periodic(cron="* * * * * */5")  # seconds stand last
@app.task(queueing_lock="stalled", pass_context=True)
async def start_stalled_again(context: JobContext, timestamp: int) -> None:
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=5):
        if job.task_name == "send":
            await manager.retry_job(job)


def fill(claims: int) -> None:
    with app.open():
        app.schema_manager.apply_schema()
        send.batch_defer(*({"number": number} for number in posting.numbers(claims)))


def work() -> None:
    app.run_worker(
        concurrency=posting.THREADS, update_heartbeat_interval=1, stalled_worker_timeout=5
    )


if __name__ == "__main__":
    # By its own name: the App must not live in __main__.
    import procrastinate_sender

    if sys.argv[1] == "work":
        procrastinate_sender.work()
    else:
        procrastinate_sender.fill(int(sys.argv[1]))
