"""A seeded pair through the portal's whole way: no word of it in a row, a stored file, a log line or an export."""

import gzip
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.db import connection

from sessions.models import QuantificationRun, StudySession, Upload
from sessions.mrs.synthetic import SYNTHETIC_BASIS
from sessions.services import exports, fitting, imports, uploads
from sessions.services.upload_rules import WholeFile
from tests.conftest import database_role
from tests.factories import vendor_files
from tests.factories.foreign_results import lcmodel_table
from tests.factories.identifiers import forms
from tests.factories.spectra import brain
from tests.factories.world import World

pytestmark = pytest.mark.django_db

NAME = vendor_files.SEEDED["name"]
FILENAME = f"{NAME} 19010203 #1"


def rows() -> Iterator[str]:
    """Yield every row of every table as text, of the trail too."""
    with database_role("portal_owner"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        tables = [table for (table,) in cursor.fetchall()]
        for table in tables:
            cursor.execute(f"SELECT whole::text FROM {table} AS whole")
            yield from (f"{table} {row}" for (row,) in cursor.fetchall())


def kept(folder: Path) -> Iterator[bytes]:
    """Yield names and contents of what is stored, unpacked too."""
    for path in folder.rglob("*"):
        yield str(path.relative_to(folder)).encode()
        if path.is_file():
            content = path.read_bytes()
            yield gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def exported(session: StudySession, run: QuantificationRun, world: World) -> Iterator[bytes]:
    """Yield what leaves: the session as BIDS, the run as NIfTI-MRS, the reporting table."""
    with exports.bids_archive(session, by=world.imaging_analyst) as whole, zipfile.ZipFile(whole) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            yield name.encode() + (gzip.decompress(content) if name.endswith(".gz") else content)
    yield exports.nifti_archive(run)
    yield str(exports.reporting_table(run)).encode()


def test_nothing_of_a_seeded_pair_stays(
    world: World, session: StudySession, caplog, capfd, django_capture_on_commit_callbacks
) -> None:
    world.study.basis_sets.update(simulation=SYNTHETIC_BASIS)
    good, wrong = vendor_files.philips(brain(transients=2)), vendor_files.philips(samples=f"{NAME} many")
    table = lcmodel_table(title=NAME).replace("Version 6.3-1R", f"Version {NAME}").encode()
    with caplog.at_level(logging.DEBUG), django_capture_on_commit_callbacks(execute=True):
        for files in (good, wrong):
            sdat, spar = files.values()
            pair = WholeFile(
                kind=Upload.Kind.METABOLITE, filename=f"{FILENAME}.SDAT",
                content=sdat if files is good else sdat[::-1], companions=((f"{FILENAME}.SPAR", spar),),
            )  # fmt: skip
            (arrival,) = uploads.receive(session=session, files=[pair], by=world.imaging_analyst)
            with database_role("portal_worker"):
                fitting.process(run_id=arrival.runs[0].pk)
        done = QuantificationRun.objects.get(state="done")
        imports.attach(spectrum=done.spectrum, filename=f"{FILENAME}.table", content=table, by=world.imaging_analyst)
    failed = QuantificationRun.objects.get(state="failed")
    assert failed.failure_code == "header-number"
    said = capfd.readouterr()
    everywhere = [
        *(row.encode() for row in rows()), *kept(Path(storages["study_files"].location)),
        *exported(session, done, world), (caplog.text + said.out + said.err).encode(),
    ]  # fmt: skip
    assert sum(map(len, everywhere)) > 100_000
    assert {"audit.change", "public.study_sessions_upload"} <= {row.split(" ")[0] for row in rows()}
    for word in vendor_files.SEEDED.values():
        for form in forms(word):
            assert [one[:80] for one in everywhere if form in one] == [], word
