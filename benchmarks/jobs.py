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
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 900.0
FLUSH_EVERY = 25
SWEEP_SECONDS = 1.0
STAND_IN_SECONDS = 0.1
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
class Place:
    """Where the queue runs: the administrator's connection, the broker, and what a worker is told."""

    dsn: str
    broker: str
    environment: dict[str, str]


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


def make_runs(count: int, content: bytes) -> list[uuid.UUID]:
    """Queue runs of `count` stored spectra in the database that Django is connected to; return their ids."""
    from django.db import transaction

    from sessions.models import BasisSet, Spectrum, StudySession, Upload
    from sessions.mrs import SYNTHETIC_BASIS
    from sessions.services import quantification, store
    from studyportal.accounts.models import User
    from studyportal.audit.context import acting

    with acting("user:bench"), transaction.atomic():
        session = StudySession.objects.select_related("participant__study").first() or _make_session()
        study, by = session.participant.study, User.objects.get(username="bench")
        BasisSet.objects.get_or_create(
            study=study, name="Synthetic", defaults={"simulation": SYNTHETIC_BASIS, "uploaded_by": by}
        )
        digest, last = store.put(content), session.spectra.count()
        runs = []
        for number in range(last + 1, last + count + 1):
            own = uuid.uuid4().hex * 2
            upload = Upload.objects.create(
                session=session, suffix=".nii.gz", size_bytes=len(content), sha256=own, created_by=by
            )
            spectrum = Spectrum.objects.create(
                session=session, upload=upload, kind="metabolite", ordinal=number, original_sha256=own,
                status="stored", stored_sha256=digest, stored_bytes=len(content), uploaded_by=by,
                header={"SpectrometerFrequency": [127.74]},
            )  # fmt: skip
            runs.append(quantification.queue(spectrum=spectrum, by=by).pk)
    return runs


def _make_session():
    import datetime

    from participants.models import Participant
    from sessions.models import Period, StudySession
    from studyportal.accounts.models import User
    from studyportal.studies.models import Site, Study

    day = datetime.date(2026, 1, 5)
    study = Study.objects.create(
        code="BENCH", name="Bench", is_synthetic=True, recruitment_target=1, recruitment_starts_on=day,
        recruitment_ends_on=day, participant_prefix="BE",
    )  # fmt: skip
    site = Site.objects.create(study=study, code="01", name="One")
    by = User.objects.create_user("bench", full_name="Bench", email="bench@example.org", password="!")
    person = Participant.objects.create(study=study, site=site, number="BE-001", sex="F", age_years=30, screened_by=by)
    period = Period.objects.create(study=study, number=1)
    return StudySession.objects.create(participant=person, period=period, status="completed")


def race(place: Place, runs: Sequence[uuid.UUID], *, kills: int, workers: int = 2, real: bool = False) -> Race:
    """Let workers do the runs while `kills` of them are killed, evenly over the work."""
    from sessions.tasks import quantify

    with psycopg.connect(place.dsn, autocommit=True) as admin, ExitStack() as stack:
        crew = [stack.enter_context(_crew_member(place, f"w{number}", real=real)) for number in range(workers)]
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
        _wait_for([stack.enter_context(_crew_member(place, name, real=True)) for name in names])
        _send(place, quantify, *map(str, runs))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while _count(admin, ENDED, runs) < len(runs) and time.monotonic() < deadline:
            time.sleep(0.1)
        return 60 * len(runs) / float(admin.execute(SPAN, [list(runs)]).fetchone()[0])


class _Worker:
    """A worker process and its pool, in a process group of their own."""

    def __init__(self, place: Place, name: str, *, real: bool) -> None:
        self.place, self.name, self.real = place, name, real
        self.ready = Path(place.environment["PORTAL_DATA"]) / f"bench-{name}.ready"
        self.child = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.started = time.monotonic()
        command = [sys.executable, __file__, "--worker", self.name, *(["--real"] if self.real else [])]
        with (Path(self.place.environment["PORTAL_DATA"]) / f"bench-{self.name}.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=REPOSITORY, env=self.place.environment, start_new_session=True, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Kill worker, pool and engine at once, as a power cut would."""
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def kill_and_replace(self) -> None:
        """Kill it and start another."""
        self.kill()
        self.child = self._start()


@contextmanager
def _crew_member(place: Place, name: str, *, real: bool) -> Iterator[_Worker]:
    worker = _Worker(place, name, real=real)
    try:
        yield worker
    finally:
        worker.kill()


def work(name: str, *, real: bool) -> None:
    """Be a worker; without `real`, with an engine that answers after a moment."""
    import django

    django.setup()
    from celery.signals import worker_ready
    from django.conf import settings

    from sessions.services import sandbox
    from studyportal.celery import app

    ready = settings.PORTAL_DATA / f"bench-{name}.ready"
    worker_ready.connect(lambda **_: ready.touch(), weak=False)
    if not real:
        sandbox.engine = _stand_in
    app.worker_main([
        "worker", "--concurrency", "1", "--loglevel", "warning", "--without-gossip", "--without-mingle",
        "--without-heartbeat", "-n", f"{name}@bench",
    ])  # fmt: skip


def _stand_in(arguments, *, folder, tick):
    from sessions.services.sandbox import Stopped

    del folder
    for step in range(2):
        time.sleep(STAND_IN_SECONDS / 2)
        if not tick("fitting", step / 2):
            raise Stopped
    Path(arguments[arguments.index("--curves") + 1]).write_text("{}")
    value = {"value": 1.25, "crlb_percent": 4.0}
    return {
        "ratios": {"Glx/tNAA": value}, "metabolites": {}, "flags": [], "quality": {"snr": 40.0, "fwhm_ppm": 0.05},
        "seconds": STAND_IN_SECONDS, "engine_version": "stand-in",
    }  # fmt: skip


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


def _wait_for(crew: Sequence[_Worker]) -> None:
    """Wait until every worker takes messages."""
    deadline = time.monotonic() + 120
    while not all(worker.ready.exists() for worker in crew):
        if time.monotonic() > deadline:
            msg = "the workers did not start: read bench-*.log in the data folder"
            raise RuntimeError(msg)
        time.sleep(0.05)


def _count(admin, statement: str, runs: Sequence[uuid.UUID]) -> int:
    return int(admin.execute(statement, [list(runs)]).fetchone()[0])


@contextmanager
def own_place() -> Iterator[Place]:
    """Start a database and a broker in a temporary folder, migrated, with Django connected as the blinded door."""
    from studyportal.embedded.folder import DataFolder
    from studyportal.embedded.postgres import Postgres
    from studyportal.embedded.provision import provision
    from studyportal.embedded.valkey import Valkey

    with tempfile.TemporaryDirectory(prefix="portal-bench-") as held, ExitStack() as stack:
        Path(held).chmod(0o755)
        folder = DataFolder(Path(held) / "data")
        folder.open()
        stack.callback(folder.close)
        for service in (postgres := Postgres(folder), broker := Valkey(folder)):
            service.start()
            stack.callback(service.stop)
        provision(postgres.dsn(), "portal", folder.secret)
        shared = {
            **os.environ, "PORTAL_DATA": str(folder.path), "DJANGO_SETTINGS_MODULE": "studyportal.settings.dev",
            "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY),
        }  # fmt: skip
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"], cwd=REPOSITORY, check=True,
            env=shared | {"PORTAL_PROCESS": "owner"},
        )  # fmt: skip
        worker = {"PORTAL_PROCESS": "worker", "PORTAL_JOB_LEASE_SECONDS": "3", "PORTAL_JOB_RESEND_SECONDS": "2"}
        os.environ.update(shared | {"PORTAL_PROCESS": "web"})
        import django

        django.setup()
        yield Place(postgres.dsn("portal"), f"redis+socket://{broker.socket}?virtual_host=0", shared | worker)


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
