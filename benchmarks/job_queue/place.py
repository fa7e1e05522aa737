"""Where the queue's benchmark runs: a database and a broker of its own, and runs of stored spectra in them."""

# ruff: noqa: PLC0415 - settings read the data folder when they load: the portal is imported once the folder stands

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the queue runs: the administrator's connection, the broker, and what a worker is told."""

    dsn: str
    broker: str
    environment: dict[str, str]


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
