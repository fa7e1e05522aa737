"""The gate of the gate: leaks planted on purpose are found, every one; the same change is none that follows a fact."""

import json
from collections import Counter

import pytest

from tests.blinding.comparison import explored
from tests.blinding.leak_report import note
from tests.blinding.leaks import LEAKS
from tests.blinding.planting import Leak
from tests.blinding.report import add
from tests.blinding.staging import findings
from tests.conftest import REPOSITORY

pytestmark = [pytest.mark.blinding, pytest.mark.no_cover]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_a_planted_leak_is_found(leak: Leak) -> None:
    """Unplanted, the same requests show no difference (test_twin_worlds), so what is found here is the leak."""
    seen = findings()[leak.name]
    note(leak, seen)
    add("leaks planted", 1)
    add("leaks found", int(bool(seen.channels)))
    # It is a leak: who looks without the harness finds one thing here and another there, and without it the same.
    assert seen.shown_here != seen.shown_there, f"{leak.name!r} changes nothing that a person could see"
    assert seen.unplanted_here == seen.unplanted_there, f"{leak.name!r} is shown by what differs without it"
    assert seen.channels, f"{leak.name!r} was planted and not found"


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_the_same_change_is_no_leak_when_it_follows_something_public(leak: Leak) -> None:
    """Planted alike, but by the participant's number instead of the sequence: the harness stays silent."""
    assert findings()[leak.name].in_public == []


def test_the_changes_that_follow_something_public_do_change_answers() -> None:
    """In most of them; a list of all participants, say, is none but the same list when all are in it."""
    changed = Counter(leak.channel for leak in LEAKS if findings()[leak.name].is_changed_in_public)
    assert changed.keys() == {leak.channel for leak in LEAKS}
    assert sum(changed.values()) >= 80


@pytest.mark.parametrize("name", ["mrs_series", "mrs_changes", "mrs_effects", "mrs_transients"])
def test_the_crawl_reads_rows_of_every_functional_table(name: str) -> None:
    pulls = [
        json.loads(seen["body"])
        for ask, seen in explored("statistician").items()
        if ask.route == f"v1:{name}" and seen["status"] == b"200" and seen["body"].startswith(b"{")
    ]
    assert {row["participant"] for pull in pulls for row in pull["results"]} == {"XO-001", "XO-002"}


def test_the_crawl_reads_files_imports_and_the_button_of_lcmodel() -> None:
    seen_at = {ask: seen["body"] for ask, seen in explored("imaging_analyst").items() if seen["status"] == b"200"}
    bodies = {
        route: [body for ask, body in seen_at.items() if ask.route == route]
        for route in ("quantification-table", "spectrum-imports", "spectrum")
    }
    assert any(body.count(b"\n") > 2 and b"series" not in body for body in bodies["quantification-table"])
    assert any(b"LCModel 6.3-1R" in body for body in bodies["spectrum-imports"])
    assert any(b"Quantify with LCModel too" in body for body in bodies["spectrum"])


def test_every_operation_of_the_api_is_answered_as_json_and_csv() -> None:
    """Of the committed document of the blinded door, so a new table that the crawl does not pull fails here."""
    document = json.loads((REPOSITORY / "docs" / "reference" / "openapi-v1.json").read_text())
    operations = {
        (method.upper(), path) for path, operations in document["paths"].items() for method in operations
    }  # fmt: skip
    answered = {
        (ask.method, ask.path.partition("?")[0], b"csv" if b"text/csv" in seen["headers"] else b"json")
        for ask, seen in explored("statistician").items()
        if seen["status"] == b"200" and any("AUTHORIZATION" in name for name, _ in ask.headers)
    }
    assert len(operations) >= 15
    assert [one for one in operations if (*one, b"json") not in answered] == []
    tables = [one for one in operations if not one[1].endswith("/v1/")]
    assert [one for one in tables if (*one, b"csv") not in answered] == []


def test_the_catalogue_is_large_enough() -> None:
    assert len({leak.name for leak in LEAKS}) == len(LEAKS) >= 100
