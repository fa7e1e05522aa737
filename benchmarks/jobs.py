"""The job queue under kill -9: every run done exactly once, and how throughput grows with workers.

    ./portal bench jobs [--jobs 1000] [--kills 100] [--throughput-jobs 24] [--real] [--json]

Starts a database and a broker of its own in a temporary folder and removes them. First, real Celery workers take real
job rows while one after the other is killed in the middle of its work, and now and then the broker forgets everything.
There the engine is replaced by one that answers after a tenth of a second, so that the queue is tested and not the fit
(`--real` runs the engine there too). Then the engine itself fits functional series with one worker and with two, in
the same call. Done once: one result, and one change to `done` in the trail.
"""

# ruff: noqa: PLC0415 - settings read the data folder when they load: the portal is imported once the folder stands

import argparse
import json
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

import psycopg

from benchmarks.job_queue.place import Place, make_runs, own_place
from benchmarks.job_queue.workers import Worker, crew_member, work

PATIENCE_SECONDS = 900.0
FLUSH_EVERY = 25
SWEEP_SECONDS = 1.0
TRUTH = (1.20, 1.22, 1.25, 1.27, 1.29, 1.30)

# Of each run: whether it is done, its results, and how often the trail saw it become done.
OUTCOME = """
SELECT r.state = 'done', count(q.id), (
    SELECT count(*) FROM audit.change c
    WHERE c.tbl = 'jobs.quantification_run' AND c.pk = r.id::text
        AND c.body::jsonb -> 'new' ->> 'state' = 'done' AND c.body::jsonb -> 'old' ->> 'state' <> 'done'
)
FROM jobs.quantification_run r LEFT JOIN study_sessions_quantificationresult q ON q.run_id = r.id
WHERE r.id = ANY(%s) GROUP BY r.id
"""
ENDED = "SELECT count(*) FROM jobs.quantification_run WHERE id = ANY(%s) AND state IN ('done', 'failed', 'cancelled')"
WORKED_ON = """
SELECT id, fencing_token FROM jobs.quantification_run WHERE id = ANY(%s) AND state NOT IN ('queued', 'done', 'failed')
"""
ATTEMPTS = "SELECT coalesce(sum(attempts), 0) FROM jobs.quantification_run WHERE id = ANY(%s)"
SPAN = """
SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM jobs.quantification_run WHERE id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Race:
    """What came of the jobs under kills."""

    jobs: int
    kills: int
    flushes: int
    attempts: int
    done_once: int
    lost: int
    doubled: int
    seconds: float


def race(place: Place, runs: Sequence[uuid.UUID], *, kills: int, workers: int = 2, real: bool = False) -> Race:
    """Let workers do the runs while `kills` of them are killed, evenly over the work."""
    from sessions.tasks import quantify

    with psycopg.connect(place.dsn, autocommit=True) as admin, ExitStack() as stack:
        crew = [stack.enter_context(crew_member(place, f"w{number}", real=real)) for number in range(workers)]
        _wait_for(crew)
        _send(place, quantify, *map(str, runs))
        began, killed, flushes, swept = time.monotonic(), 0, 0, time.monotonic()
        left_behind: set[tuple[uuid.UUID, int]] = set()
        while (ended := _count(admin, ENDED, runs)) < len(runs):
            if time.monotonic() - began > PATIENCE_SECONDS + len(runs):
                break
            if killed < kills and ended >= killed * len(runs) // (kills + 1):
                # Somebody works who was not killed: the one who is up longest, so that each kill cuts a run.
                worked_on = set(admin.execute(WORKED_ON, [list(runs)]).fetchall())
                if worked_on - left_behind:
                    min(crew, key=lambda worker: worker.started).kill_and_replace()
                    left_behind = set(admin.execute(WORKED_ON, [list(runs)]).fetchall())
                    killed += 1
                    if killed % FLUSH_EVERY == 0:
                        _flush(place)
                        flushes += 1
            if time.monotonic() - swept > SWEEP_SECONDS:
                _sweep(place)
                swept = time.monotonic()
            time.sleep(0.02)
        seconds = time.monotonic() - began
        # What a late message or a worker thought dead could still do, it does now.
        _send(place, quantify, *map(str, runs[:200]))
        time.sleep(2)
        outcome = admin.execute(OUTCOME, [list(runs)]).fetchall()
        return Race(
            jobs=len(runs), kills=killed, flushes=flushes, attempts=_count(admin, ATTEMPTS, runs),
            done_once=sum(row == (True, 1, 1) for row in outcome),
            lost=sum(not is_done or results == 0 for is_done, results, _ in outcome) + len(runs) - len(outcome),
            doubled=sum(results > 1 or changes > 1 for _, results, changes in outcome),
            seconds=round(seconds, 1),
        )  # fmt: skip


def throughput(place: Place, runs: Sequence[uuid.UUID], workers: int) -> float:
    """Return how many runs a minute so many workers do, with the engine itself."""
    from sessions.tasks import quantify

    with psycopg.connect(place.dsn, autocommit=True) as admin, ExitStack() as stack:
        names = [f"t{workers}{number}" for number in range(workers)]
        _wait_for([stack.enter_context(crew_member(place, name, real=True)) for name in names])
        _send(place, quantify, *map(str, runs))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while _count(admin, ENDED, runs) < len(runs) and time.monotonic() < deadline:
            time.sleep(0.1)
        return 60 * len(runs) / float(admin.execute(SPAN, [list(runs)]).fetchone()[0])


def _send(place: Place, task, *run_ids: str) -> None:
    from studyportal.celery import app

    with app.connection_for_write(place.broker) as broker:
        for run_id in run_ids:
            task.apply_async((run_id,), connection=broker)


def _sweep(place: Place) -> None:
    """Play beat, faster than every ten seconds."""
    from sessions.tasks import sweep_quantifications
    from studyportal.celery import app

    with app.connection_for_write(place.broker) as broker:
        sweep_quantifications.apply_async((), connection=broker)


def _flush(place: Place) -> None:
    from studyportal.celery import app

    with app.connection_for_write(place.broker) as broker:
        broker.default_channel.client.flushdb()


def _wait_for(crew: Sequence[Worker]) -> None:
    """Wait until every worker takes messages."""
    deadline = time.monotonic() + 120
    while not all(worker.ready.exists() for worker in crew):
        if time.monotonic() > deadline:
            msg = "the workers did not start: read bench-*.log in the data folder"
            raise RuntimeError(msg)
        time.sleep(0.05)


def _count(admin, statement: str, runs: Sequence[uuid.UUID]) -> int:
    return int(admin.execute(statement, [list(runs)]).fetchone()[0])


def main() -> int:
    """Run both parts, print, remove everything."""
    parser = argparse.ArgumentParser(description="Jobs under kills, and throughput by workers.")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--throughput-jobs", type=int, default=24, help="fits for each number of workers; 0: none")
    parser.add_argument("--real", action="store_true", help="run the engine itself under kills too")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, real=options.real)
        return 0
    with own_place() as place:
        from sessions.mrs import simulate_functional

        content = simulate_functional(TRUTH, seed=1)
        found = race(place, make_runs(options.jobs, content), kills=options.kills, real=options.real)
        rates = [
            throughput(place, make_runs(options.throughput_jobs, content), workers) if options.throughput_jobs else None
            for workers in (1, 2)
        ]
    one, two = (round(rate, 1) if rate else None for rate in rates)
    document = asdict(found) | {
        "throughput_1": one, "throughput_2": two, "ratio": round(two / one, 2) if one and two else None,
    }  # fmt: skip
    for name, value in document.items():
        print(f"{name.replace('_', ' '):16} {value}{' fits a minute' if 'throughput' in name and value else ''}")
    if options.json:
        print(json.dumps(document))
    return 0 if found.done_once == found.jobs and found.doubled == found.lost == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
