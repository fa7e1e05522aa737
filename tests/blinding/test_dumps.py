"""B5: whoever copies the disk finds ciphertext: pg_dump, the broker, logs and built files name nobody's treatment."""

import re
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.test import override_settings
from redis import Redis

from tests.blinding import searches
from tests.blinding.crawl import looking, own_broker
from tests.blinding.report import figure
from tests.conftest import administrator_dsn
from tests.factories.worlds import PLACES, twin

pytestmark = [pytest.mark.blinding, pytest.mark.no_cover]

SEALED = {"alloc.list_slot.sealed", "alloc.randomization_list.sealed_seed"}
BYTES = (
    "SELECT n.nspname || '.' || c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.atttypid = 'bytea'::regtype AND c.relkind = 'r'"
    " AND n.nspname IN ('alloc', 'public', 'audit', 'jobs', 'pii')"
)
# The link in clear, as a careless migration might write it.
CARELESS = "CREATE TABLE public.kit_plan AS SELECT id, '{}' AS content FROM public.participants_participant"
REAL = re.compile(rb"naltrexone|placebo|midazolam|esketamine", re.IGNORECASE)


@pytest.fixture(scope="module")
def dumped(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> bytes:
    """Return the base world as pg_dump writes it."""
    with django_db_blocker.unblock():
        return searches.dump(twin("base").database)


def test_a_dump_names_the_design_and_nobodys_treatment(dumped: bytes) -> None:
    tables = {table for table, _ in searches.rows_of(dumped)}
    assert {"alloc.list_slot", "alloc.allocation", "audit.change", "public.participants_participant"} <= tables
    named = {table for table, cells in searches.rows_of(dumped) if searches.FOUND.search(b"\t".join(cells.values()))}
    assert named <= {*searches.DESIGN, "audit.change"}
    assert set(searches.DESIGN) <= named  # what is searched for is there
    assert searches.told_by(dumped) == []
    figure("tables in the dump of the administrator", len(tables))


def test_ciphertext_lies_in_sealed_columns_only(dumped: bytes) -> None:
    """Of one length, all distinct, and nowhere else but in the trail's rows about the secret, which the vault keeps."""
    blobs = [cells["sealed"].lstrip(b"\\") for table, cells in searches.rows_of(dumped) if table == "alloc.list_slot"]
    assert len(blobs) == len(set(blobs)) == PLACES
    assert len({len(blob) for blob in blobs}) == 1
    held = {
        (table, cells.get("tbl", b"").decode())
        for table, cells in searches.rows_of(dumped)
        if any(blob[1:] in cell for cell in cells.values() for blob in blobs[:4])
    }
    assert held <= {("alloc.list_slot", ""), ("audit.change", "alloc.list_slot")}
    with psycopg.connect(administrator_dsn(twin("base").database)) as admin:
        columns = {name for (name,) in admin.execute(BYTES)}
    assert {name for name in columns if name.startswith("alloc.")} >= SEALED
    # The one other: bytes sealed to the key when its shares are issued, which prove a restored key and hold no slot.
    others = {name for name in columns if not name.rsplit(".", 1)[1].startswith("sealed")}
    assert others == {"alloc.key_share_set.test_blob"}


@pytest.mark.parametrize("content", ["Quorvane", "\\x" + b"ZPHQVX".hex()], ids=["in clear", "as bytes"])
def test_a_link_would_be_found_in_the_dump(content: str) -> None:
    database = twin("outcomes").database
    with psycopg.connect(administrator_dsn(database), autocommit=True) as admin:
        admin.execute(CARELESS.format(content))
        try:
            assert set(searches.told_by(searches.dump(database))) == {"public.kit_plan.content about public.kit_plan"}
        finally:
            admin.execute("DROP TABLE public.kit_plan")


def test_the_broker_holds_ids_only() -> None:
    with looking(twin("base"), ["rater"]) as observer:
        assert searches.told_in_broker(observer.server) == []
    files = searches.files_of_the_broker()
    assert files
    assert searches.told_in_files(files) == []
    figure("bytes of the broker's file searched", sum(path.stat().st_size for path in files))


def test_a_word_in_the_broker_would_be_found() -> None:
    with own_broker() as server:
        server.rpush("celery", f"kit {searches.PLANTED}Zelphine")
        assert searches.told_in_broker(server, searches.FOUND_WHEN_PLANTED) == ["celery"]
        assert isinstance(server, Redis)
        server.flushdb()
    assert searches.told_in_files(searches.files_of_the_broker(), searches.FOUND_WHEN_PLANTED) != []


def test_the_logs_of_all_processes_name_no_treatment() -> None:
    files = searches.log_files()
    assert {"postgres.log", "valkey.log"} <= {path.name for path in files}
    assert searches.told_in_files(files) == []
    figure("log files searched", len(files))


def test_a_word_in_the_databases_log_would_be_found() -> None:
    with psycopg.connect(administrator_dsn(twin("base").database), autocommit=True) as admin:
        admin.execute(f"DO $$ BEGIN RAISE WARNING 'kit {searches.PLANTED}Quorvane'; END $$")
    found = searches.told_in_files(searches.log_files(), searches.FOUND_WHEN_PLANTED)
    assert found == [f"postgres.log: {f'{searches.PLANTED}Quorvane'.encode()!r}"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the static files as a portal serves them."""
    place = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=place):
        call_command("collectstatic", "--no-input", verbosity=0)
    return place


def test_built_assets_name_no_treatment(built: Path) -> None:
    files = [path for path in built.rglob("*") if path.is_file()]
    own = [path for path in files if "vendor" not in path.parts]
    assert len(own) > 20
    assert searches.told_in_files(files) == []
    # Bundles are the same for both doors, so they know no real treatment either.
    ours = [
        path for path in own if path.relative_to(built).parts[0] not in {"rest_framework", "drf_spectacular_sidecar"}
    ]
    assert searches.told_in_files(ours, REAL) == []
    figure("built static files searched", len(files))


def test_a_word_in_a_bundle_would_be_found(built: Path) -> None:
    bundle = built / "app.js"
    before = bundle.read_bytes()
    bundle.write_bytes(before + b'\nconst ARMS = {"XO-001": "planted:zelphine"};')
    try:
        files = [path for path in built.rglob("*") if path.is_file()]
        assert [one.split(":")[0] for one in searches.told_in_files(files, searches.FOUND_WHEN_PLANTED)] == ["app.js"]
    finally:
        bundle.write_bytes(before)
