"""The tables of the REST API: rows, filters, pages, formats, log."""

import csv
import io
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from studyportal.api.tables import TABLES, TYPES
from studyportal.audit.models import Event
from tests.conftest import standing_at
from tests.factories import journey, pulls
from tests.factories.pulls import WHY, bearer, token_for
from tests.factories.world import World

pytestmark = pytest.mark.django_db
# The commitments hold no rows of participants: tests/pages/allocation/test_commitment_pages.py.
OF_PEOPLE = [table for table in TABLES if table.has_links]
NAMES = [table.name for table in OF_PEOPLE]
ROWS = {
    "participants": 2, "sessions": 4, "doses": 2, "madrs_items": 20, "madrs_totals": 2, "spectra": 1, "mrs_runs": 1,
    "mrs_concentrations": 1, "mrs_series": 4, "mrs_changes": 1, "mrs_effects": 2, "mrs_transients": 2,
    "adverse_events": 1, "deviations": 3,
}  # fmt: skip


def pull(client, key: str, table: str, **parameters: object):
    return client.get(f"/api/v1/{table}/", parameters, **bearer(key))


@pytest.fixture
def filled(world: World) -> pulls.Filled:
    return pulls.fill(world)


@pytest.fixture
def key(world: World) -> str:
    return token_for(world.statistician, world.study)


def web_events(name: str) -> list[tuple[str, str, dict]]:
    """Read the trail's events as the administrator; the blinded login may not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        cursor.execute("SET SESSION AUTHORIZATION DEFAULT")
        cursor.execute("SELECT actor, target, data FROM audit.event WHERE name = %s ORDER BY at", [name])
        found = [(actor, target, json.loads(data)) for actor, target, data in cursor.fetchall()]
        cursor.execute("SET SESSION AUTHORIZATION portal_web")
    return found


def test_every_table_has_its_rows_in_both_formats(world: World, filled: pulls.Filled, key: str, client_for) -> None:
    client = client_for()
    for name in NAMES:
        answer = pull(client, key, name)
        assert answer.status_code == 200, name
        body = answer.json()
        assert (body["count"], len(body["results"]), body["next"]) == (ROWS[name], ROWS[name], None), name
        text = b"".join(pull(client, key, name, format="csv").streaming_content).decode()
        lines = list(csv.DictReader(io.StringIO(text)))
        assert len(lines) == ROWS[name]
        assert list(lines[0]) == list(body["results"][0])
        assert next(iter(lines[0])) == "participant"
        assert not {"sequence", "treatment"} & set(lines[0])


def test_every_table_with_sessions_is_keyed_by_participant_period_and_session() -> None:
    for table in OF_PEOPLE:
        names = [column.name for column in table.columns]
        keys = ["participant"] if table.name == "participants" else ["participant", "period", "session"]
        assert names[: len(keys)] == keys
        assert all(column.kind in TYPES for column in table.columns)


def test_a_total_a_dose_and_an_estimate_have_their_values(world, filled, key, client_for) -> None:
    client = client_for()
    first = pull(client, key, "madrs_totals").json()["results"][0]
    assert (first["participant"], first["period"], first["session"]) == (filled.north.number, 1, 1)
    assert (first["timepoint"], first["total"], first["items_scored"]) == ("day_1", 24, 10)
    infusion = pull(client, key, "doses").json()["results"][0]
    assert (infusion["kind"], infusion["duration_minutes"]) == ("infusion", 40.0)
    estimate = pull(client, key, "mrs_concentrations").json()["results"][0]
    assert (estimate["name"], estimate["value"], estimate["crlb_percent"]) == ("Glx/tNAA", 1.25, 4.0)
    run = pull(client, key, "mrs_runs").json()["results"][0]
    assert (run["snr"], run["fwhm_hz"], run["state"], run["basis"]) == (40.5, 5.0, "done", "PRESS 3 T")


def test_filters_narrow_and_a_filter_given_twice_takes_either(world, filled, key, client_for) -> None:
    client = client_for()
    assert pull(client, key, "sessions", participant=filled.south.number).json()["count"] == 2
    assert pull(client, key, "sessions", participant=[filled.north.number, filled.south.number]).json()["count"] == 4
    assert pull(client, key, "sessions", period=2).json()["count"] == 2
    assert pull(client, key, "sessions", session=1, site="02").json()["count"] == 1
    assert pull(client, key, "participants", site="02").json()["results"][0]["participant"] == filled.south.number
    assert pull(client, key, "participants", participant="XO-999").json() == {"count": 0, "next": None, "results": []}


def test_pages_follow_each_other_and_rows_added_meanwhile_shift_nothing(world, filled, key, client_for) -> None:
    client = client_for()
    whole = pull(client, key, "madrs_items").json()["results"]
    page = pull(client, key, "madrs_items", limit=7).json()
    assert (page["count"], page["results"]) == (20, whole[:7])
    pulls_of_next = [page]
    while pulls_of_next[-1]["next"]:
        pulls_of_next.append(client.get(pulls_of_next[-1]["next"], **bearer(key)).json())
    assert [row for page in pulls_of_next for row in page["results"]] == whole
    first = pull(client, key, "participants", limit=1).json()
    journey.screened(world)
    second = client.get(first["next"], **bearer(key)).json()
    assert second["results"][0]["participant"] == filled.south.number


@pytest.mark.parametrize(
    ("parameters", "pointer", "words"),
    [
        ({"particpant": "XO-001"}, "/particpant", "Known ones: cursor, format, limit, participant, period"),
        ({"treatment": "A"}, "/treatment", "Unknown parameter"),
        ({"ordering": "sequence"}, "/ordering", "Unknown parameter"),
        ({"period": "one"}, "/period", "whole number"),
        ({"session": "-1"}, "/session", "whole number"),
        ({"limit": "0"}, "/limit", "from 1 to 5000"),
        ({"limit": "5001"}, "/limit", "from 1 to 5000"),
        ({"cursor": "%%%"}, "/cursor", "`next` link"),
        ({"cursor": "e30="}, "/cursor", "`next` link"),
        ({"cursor": "WzEsIDJd"}, "/cursor", "`next` link"),
        ({"format": "xml"}, "/format", "json, csv"),
        ({"format": "csv", "limit": "5"}, "/limit", "Unknown parameter"),
    ],
)
def test_a_wrong_parameter_is_400_and_named(world, filled, key, client_for, parameters, pointer, words) -> None:
    answer = pull(client_for(), key, "sessions", **parameters)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["errors"][0]["pointer"]) == (400, pointer)
    assert words in problem["errors"][0]["detail"]
    assert web_events("data pulled") == []


def test_csv_by_accept_header_is_whole_named_and_defused(world, filled, key, client_for) -> None:
    answer = client_for().get("/api/v1/adverse_events/", headers={"accept": "text/csv"}, **bearer(key))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="XO_adverse_events.csv"'
    assert answer.streaming
    (line,) = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode()))
    assert (line["term"], line["is_serious"], line["ended_at"]) == ("'=Nausea", "false", "")
    assert line["started_at"].endswith("Z")


def test_a_pull_is_logged_with_who_what_and_which_token(world, filled, key, client_for) -> None:
    pull(client_for(), key, "sessions", period=1)
    (event,) = web_events("data pulled")
    told = {"format": "json", "parameters": {"period": ["1"]}, "token": key.split("_")[1]}
    assert event == ("user:statistician", "sessions", told)


def test_the_index_is_the_dictionary_of_what_the_caller_may_pull(world, filled, client_for) -> None:
    analyst = token_for(world.imaging_analyst, world.study)
    listed = client_for().get("/api/v1/", **bearer(analyst)).json()["tables"]
    assert [table["name"] for table in listed] == [
        "participants", "sessions", "doses", "spectra", "mrs_runs", "mrs_concentrations", "mrs_series", "mrs_changes",
        "mrs_effects", "mrs_transients", "commitments",
    ]  # fmt: skip
    assert listed[0]["url"] == "http://testserver/api/v1/participants/"
    assert listed[0]["columns"][0] == {
        "name": "participant", "type": "text", "may_be_empty": False,
        "description": "Pseudonymous number of the participant",
    }  # fmt: skip


def test_the_reviewer_of_fits_gets_estimates_with_the_session_masked(world, filled, client_for) -> None:
    analyst = token_for(world.imaging_analyst, world.study)
    client = client_for()
    for name in (name for name in NAMES if name == "spectra" or name.startswith("mrs_")):
        row = pull(client, analyst, name).json()["results"][0]
        assert (row["participant"], row["period"], row["session"]) == (filled.north.number, None, None)


def test_the_vault_has_the_same_tables_with_sequence_and_treatment(world, filled, client_for) -> None:
    key = token_for(world.unblinded_statistician, world.study, "vault")
    client = client_for(door="vault")
    found = pull(client, key, "sessions", **WHY).json()["results"]
    given = {(row["participant"], row["period"]): row["treatment"] for row in found}
    order = {"AB": ["Placebo capsule", "Naltrexone 50 mg"], "BA": ["Naltrexone 50 mg", "Placebo capsule"]}
    for row in found:
        assert row["treatment"] == order[row["sequence"]][row["period"] - 1]
    assert len(given) == 4
    for name in NAMES:
        body = pull(client, key, name, **WHY).json()
        assert body["count"] == ROWS[name], name
        assert "sequence" in body["results"][0], name
    (late,) = [row for row in pull(client, key, "deviations", **WHY).json()["results"] if row["code"] == "visit_late"]
    assert (late["period"], late["treatment"]) == (None, None)


def test_a_pull_at_the_vault_is_committed_to_the_log_before_the_data(world, filled, client_for, monkeypatch) -> None:
    key = token_for(world.unblinded_statistician, world.study, "vault")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("nothing may be opened")

    monkeypatch.setattr("studyportal.api.views.open_links", broken)
    client = client_for(door="vault", raise_request_exception=False)
    reason = "interim analysis, 14 December"
    answer = pull(client, key, "participants", reason_code="monitoring", reason=reason, format="csv")
    assert answer.status_code == 500
    assert answer.json()["type"] == "error"
    with standing_at("vault"):
        logged = Event.objects.filter(name="unblinded data pulled", data__reason=reason).get()
    assert (logged.actor, logged.target, logged.study) == ("user:unblinded-statistician", "participants", "XO")
    assert logged.data == {
        "format": "csv",
        "parameters": {"format": ["csv"]},
        "token": key.split("_")[1],
        "reason_code": "monitoring",
        "reason": reason,
    }


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "reason"),
        ({"reason_code": "analysis"}, "reason"),
        ({"reason_code": "analysis", "reason": "  "}, "reason"),
        ({"reason": "interim analysis"}, "reason_code"),
        ({"reason": "interim analysis", "reason_code": "curious"}, "reason_code"),
    ],
)
def test_a_pull_at_the_vault_without_a_reason_opens_nothing(world, filled, client_for, said, field) -> None:
    key = token_for(world.unblinded_statistician, world.study, "vault")
    answer = pull(client_for(door="vault"), key, "participants", **said)
    assert answer.status_code == 400
    assert field in {error["pointer"].strip("/#") for error in answer.json()["errors"]}
    with standing_at("vault"):
        assert not Event.objects.filter(name__in=("unblinded data pulled", "sequences revealed")).exists()


def test_the_number_of_queries_does_not_grow_with_the_rows(world, filled, key, client_for) -> None:
    client = client_for()
    pull(client, key, "participants")

    def queries(name: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert pull(client, key, name).status_code == 200
        return len(seen)

    before = {name: queries(name) for name in NAMES}
    pulls.quantified(world, filled.south.sessions.first(), 2.0)
    for _ in range(3):
        journey.randomized(world, sex="F")
    assert {name: queries(name) for name in NAMES} == before
