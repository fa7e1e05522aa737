"""The secret's own words are nowhere in what the blinded door can read: tables, broker, files, answers, assets."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import connection

from tests.blinding.comparison import explored
from tests.blinding.crawl import looking
from tests.blinding.observation import READABLE
from tests.blinding.report import figure
from tests.factories.worlds import PLACES, SEQUENCES, TREATMENTS, connected, twin

pytestmark = [pytest.mark.blinding, pytest.mark.no_cover]

WORDS = tuple(word.encode() for word in (*SEQUENCES.values(), *(part for pair in TREATMENTS.values() for part in pair)))
# The design is public: these tables, and the trail's rows about them, name the treatments without anybody's sequence.
DESIGN = ("study_sessions_treatment", "study_sessions_sequence")
# Where raters and participants are asked what was given: every treatment of the design, always in the same order.
GUESSED = ("guess", "own-guess")
# Words of real treatments that a bundle or a translation for blinded people may not hold.
REAL = (b"naltrexone", b"placebo", b"midazolam", b"esketamine")


def dump(table: str) -> bytes:
    """Return all rows of a table as the blinded login copies them out."""
    with connection.cursor() as cursor, cursor.copy(f"COPY (SELECT * FROM {table}) TO STDOUT") as rows:
        return b"".join(rows)


def test_a_dump_by_the_blinded_login_holds_no_treatment_but_the_design() -> None:
    for name in ("base", "swap"):
        with connected(twin(name).database, "portal_web"), connection.cursor() as cursor:
            cursor.execute(READABLE)
            tables = [table for (table,) in cursor.fetchall()]
            assert not [table for table in tables if table.startswith("alloc.")]
            found = {}
            for table in tables:
                lines = [line for line in dump(table).splitlines() if any(word in line for word in WORDS)]
                if lines:
                    found[table] = lines
        assert found.keys() <= {"audit.blinded_change", *(f"public.{name}" for name in DESIGN)}
        design = [line for line in found.get("audit.blinded_change", []) if any(one.encode() in line for one in DESIGN)]
        assert design == found.get("audit.blinded_change", [])
        figure("tables dumped as portal_web", len(tables))


def test_the_vault_could_find_what_is_searched_for() -> None:
    """The search would find the words: they are there for the login that may read them."""
    base = twin("base")
    assert set(base.sequences.values()) == set(SEQUENCES.values())
    with connected(base.database, "portal_vault"), connection.cursor() as cursor:
        cursor.execute("SELECT octet_length(sealed), count(*), count(DISTINCT sealed) FROM alloc.list_slot GROUP BY 1")
        assert [row[1:] for row in cursor.fetchall()] == [(PLACES, PLACES)]
        cursor.execute("SELECT string_agg(encode(sealed, 'escape'), '') FROM alloc.list_slot")
        sealed = cursor.fetchone()[0].encode()
    assert [word for word in WORDS if word in sealed] == []


def test_answers_logs_mail_broker_and_files_hold_no_word_of_the_secret() -> None:
    world = twin("base")
    with looking(world, ["rater"]) as observer:
        files = b"".join(path.read_bytes() for path in observer.files.rglob("*") if path.is_file())
    seen = [
        f"{ask.method} {ask.path} {channel}"
        for person in ("investigator", "rater", "anonymous")
        for ask, answer in explored(person).items()
        for channel in ("headers", "cookies", "body", "logs", "mail", "broker")
        if any(word in answer[channel] for word in WORDS)
        and not asked_for(ask.path + ask.data)
        and not (channel == "body" and ask.route in GUESSED)
    ]
    assert seen == []
    assert [word for word in WORDS if word in files] == []


def asked_for(text: str) -> bool:
    """Whether the request itself brought a word, which may come back as what was typed."""
    return any(word.decode() in text for word in WORDS)


def test_static_files_and_translations_hold_no_treatment() -> None:
    """Bundles are the same for both doors, so none may know a treatment; vendor files know no trial."""
    places = {Path(place) for finder in finders.get_finders() for place, _ in located(finder)}
    own = [path for path in places if "vendor" not in path.parts and str(path).startswith(str(settings.BASE_DIR))]
    own += list(Path(settings.BASE_DIR).glob("*/locale/**/*.po"))
    own = [path for path in own if ".venv" not in path.parts]
    assert own
    found = [path.name for path in own for word in (*REAL, *WORDS) if word in path.read_bytes().lower()]
    figure("static files searched", len(own))
    assert found == []


def located(finder: object) -> list[tuple[str, object]]:
    """Return absolute paths of a finder's files."""
    return [(storage.path(path), storage) for path, storage in finder.list([])]
