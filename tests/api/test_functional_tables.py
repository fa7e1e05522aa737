"""The tables of functional spectra over the API: their values, their pages run by run, both doors, both formats."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from studyportal.api.tables import TABLES
from tests.factories import pulls
from tests.factories.pulls import bearer, token_for
from tests.factories.world import World

pytestmark = pytest.mark.django_db
MINE = ("mrs_series", "mrs_changes", "mrs_effects", "mrs_transients")


def pull(client, key: str, table: str, **parameters: object):
    return client.get(f"/api/v1/{table}/", parameters, **bearer(key)).json()


@pytest.fixture
def filled(world: World) -> pulls.Filled:
    return pulls.fill(world)


@pytest.fixture
def key(world: World) -> str:
    return token_for(world.statistician, world.study)


def test_a_part_a_change_an_effect_and_a_transient_have_their_values(world, filled, key, client_for) -> None:
    client = client_for()
    first, second = (row for row in pull(client, key, "mrs_series")["results"] if row["quantity"] == "ratio")
    assert (first["participant"], first["period"], first["session"]) == (filled.north.number, 1, 1)
    assert (first["part"], first["name"], first["value"], first["change_percent"]) == (0, "Glx/tNAA", 1.2, -1.0)
    assert (second["part_name"], second["first_transient"], second["last_transient"]) == ("heat", 1, 2)
    assert (second["transients"], second["minutes_from_start"], second["has_converged"]) == (2, 1.5, True)
    (change,) = pull(client, key, "mrs_changes")["results"]
    assert (change["predose_value"], change["predose_transients"]) == (1.2, 2)
    assert [change[name] for name in ("change_percent", "change_low", "change_high")] == [4.0, 3.0, 5.0]
    assert [change[name] for name in ("auc_percent_minutes", "auc_se", "minutes_after_dose")] == [40.0, 5.0, 10.0]
    baseline, dose = pull(client, key, "mrs_effects")["results"]
    assert (baseline["term"], baseline["kind"], baseline["percent"]) == ("baseline", "baseline", None)
    assert (dose["term"], dose["kind"], dose["percent"], dose["percent_low"]) == ("dose", "regressor", 4.2, 3.2)
    assert (dose["degrees_of_freedom"], dose["autocorrelation"]) == (9, 0.125)
    kept, left_out = pull(client, key, "mrs_transients")["results"]
    assert (kept["transient"], kept["is_rejected"], kept["snr"]) == (0, False, 12.0)
    assert (left_out["is_rejected"], left_out["rejected_because"]) == (True, "signal of another size")


@pytest.mark.parametrize("name", ["mrs_series", "mrs_concentrations"])
@pytest.mark.parametrize("limit", [1, 3, 4, 5])
def test_pages_of_a_long_table_follow_each_other_over_runs(world, filled, key, client_for, name, limit) -> None:
    pulls.quantified(world, filled.south.sessions.first(), 2.0)
    pulls.quantified(world, filled.south.sessions.last(), 3.0)
    client = client_for()
    whole = pull(client, key, name)
    assert (whole["count"], whole["next"]) == ({"mrs_series": 12, "mrs_concentrations": 3}[name], None)
    pages = [pull(client, key, name, limit=limit)]
    while pages[-1]["next"]:
        pages.append(client.get(pages[-1]["next"], **bearer(key)).json())
    assert [row for page in pages for row in page["results"]] == whole["results"]
    assert {page["count"] for page in pages} == {whole["count"]}
    assert all(len(page["results"]) == limit for page in pages[:-1])


def test_a_page_reads_the_runs_that_it_shows_and_no_other(world, filled, key, client_for) -> None:
    client = client_for()
    pull(client, key, "mrs_series", limit=2)
    with CaptureQueriesContext(connection) as before:
        pull(client, key, "mrs_series", limit=2)
    for session in filled.south.sessions.all():
        pulls.quantified(world, session)
    with CaptureQueriesContext(connection) as after:
        page = pull(client, key, "mrs_series", limit=2)
    assert len(after) == len(before)
    assert (page["count"], len(page["results"])) == (12, 2)
    (read,) = [query["sql"] for query in after if '."series"' in query["sql"]]
    assert read.count("::uuid") == 1


def test_filters_csv_and_the_vault_know_the_long_tables_too(world, filled, key, client_for) -> None:
    pulls.quantified(world, filled.south.sessions.first())
    client = client_for()
    assert pull(client, key, "mrs_series", participant=filled.south.number)["count"] == 4
    assert pull(client, key, "mrs_series", period=2) == {"count": 0, "next": None, "results": []}
    answer = client.get("/api/v1/mrs_series/", {"format": "csv"}, **bearer(key))
    lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    shown = pull(client, key, "mrs_series")["results"]
    assert [line["participant"] for line in lines] == [row["participant"] for row in shown]
    assert list(lines[0]) == list(shown[0])
    vault = token_for(world.unblinded_statistician, world.study, "vault")
    found = pull(client_for(door="vault"), vault, "mrs_series", limit=5, **pulls.WHY)
    assert (found["count"], len(found["results"])) == (8, 5)
    assert [*shown[0], "sequence", "treatment"] == list(found["results"][0])


@pytest.mark.parametrize("cursor", ["WzEsIDJd", "WzEsIDIsIDNd"])
def test_a_foreign_cursor_is_named_on_a_long_table(world, filled, key, client_for, cursor) -> None:
    answer = client_for().get("/api/v1/mrs_series/", {"cursor": cursor}, **bearer(key))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/cursor"


def test_a_run_without_a_series_has_no_part_and_its_transients_all_the_same(world, filled, key, client_for) -> None:
    pulls.quantified(world, filled.south.sessions.first(), is_functional=False)
    client = client_for()
    counts = {name: pull(client, key, name, participant=filled.south.number)["count"] for name in MINE}
    assert counts == {"mrs_series": 0, "mrs_changes": 0, "mrs_effects": 0, "mrs_transients": 2}


def test_every_column_of_a_table_is_described() -> None:
    mine = [table for table in TABLES if table.name in MINE]
    assert {(table.name, one.name) for table in mine for one in table.columns if not one.description} == set()
