"""Study progress at the blinded door: pooled numbers, scoped to sites, quality only for those who watch it."""

import json

import pytest

from sessions.models import StudySession
from tests.factories import journey, outcomes
from tests.factories import spectrum_rows as spectra
from tests.factories.world import World

pytestmark = pytest.mark.django_db

QUALITY = ("snr", "fwhm", "crlb")


@pytest.fixture
def running(world: World) -> World:
    """Two participants measured in both periods, one randomized at the other site."""
    journey.activate_list(world)
    blocks = ((-8.0, 1.2), (0.0, 1.3))
    for sex in "FM":
        outcomes.measured(world, sex=sex, totals=[(30, 12), (28, 20)], courses=[blocks, blocks])
    journey.randomized(world, site=world.other_site)
    return world


def test_recruitment_completeness_and_windows(running: World, client_for) -> None:
    text = client_for(running.monitor).get("/progress/").content.decode()
    assert "3 of 26 participants are randomized" in text
    assert "2 <small>of 13 randomized</small>" in text
    assert "1 <small>of 13 randomized</small>" in text
    assert '<td class="govuk-table__cell level-low"><b>2</b> of 3</td>' in text
    assert text.count('<td class="govuk-table__cell level-full"><b>2</b> of 2</td>') == 6
    assert "100 % <small>8 of 8</small>" in text
    assert "100 % <small>2 of 2</small>" in text
    assert "Treatment hidden" in text or "treatment is hidden" in text


def test_a_form_signed_before_its_session_is_held_does_not_count_yet(running: World, client_for) -> None:
    last = StudySession.objects.filter(period__number=2, status="completed").last()
    StudySession.objects.filter(pk=last.pk).update(status="in_progress", completed_at=None)
    text = client_for(running.monitor).get("/progress/").content.decode()
    assert text.count('<td class="govuk-table__cell level-full"><b>1</b> of 1</td>') == 3
    assert "<b>2</b> of 1</td>" not in text


def test_nothing_by_treatment_or_participant(running: World, client_for) -> None:
    client = client_for(running.monitor)
    pages = [client.get("/progress/").content.decode()]
    for name in ("recruitment", *QUALITY):
        pages += [client.get(f"/progress/figures/{name}.{form}").content.decode() for form in ("json", "csv")]
    for word in ("Naltrexone", "Placebo", "XO-00", "AB", "sequence"):
        assert not any(word in page for page in pages if word != "AB" or "<html" not in page)


@pytest.mark.parametrize("person", ["monitor", "data_manager", "statistician"])
def test_quality_for_those_who_watch_it(running: World, client_for, person: str) -> None:
    client = client_for(running.people[person])
    text = client.get("/progress/").content.decode()
    assert "Spectrum quality" in text
    assert "4 spectra: mean 41.0, from 41.0 to 41.0; 0 outside three standard deviations" in text
    made = json.loads(client.get("/progress/figures/snr.json").content)
    (trace,) = made["data"]
    assert trace["y"] == [41.0] * 4
    lines = client.get("/progress/figures/crlb.csv").content.decode().splitlines()
    assert lines[0] == "Acquired,Site,CRLB (%),Verdict"
    assert len(lines) == 5


@pytest.mark.parametrize("person", ["coordinator", "investigator"])
def test_no_quality_for_others(running: World, client_for, person: str) -> None:
    client = client_for(running.people[person])
    assert "Spectrum quality" not in client.get("/progress/").content.decode()
    for name in QUALITY:
        assert client.get(f"/progress/figures/{name}.json").status_code == 404
        assert client.get(f"/progress/figures/{name}.csv").status_code == 404


@pytest.mark.parametrize("person", ["rater", "imaging_analyst", "administrator"])
def test_no_progress_for_those_without_reports(running: World, client_for, person: str) -> None:
    client = client_for(running.people[person])
    for path in ("/progress/", "/progress/figures/recruitment.json", "/progress/figures/recruitment.csv"):
        assert client.get(path).status_code == (404 if person == "rater" else 403)


def test_a_coordinator_of_one_site_sees_that_site(running: World, client_for) -> None:
    client = client_for(running.south_coordinator)
    text = client.get("/progress/").content.decode()
    assert "1 of 13 participants are randomized" in text
    assert "01 North" not in text
    lines = client.get("/progress/figures/recruitment.csv").content.decode().splitlines()
    assert (lines[0], len(lines)) == ("date,randomized", 2)


def test_an_empty_study(world: World, client_for) -> None:
    text = client_for(world.monitor).get("/progress/").content.decode()
    assert "0 of 26 participants are randomized" in text
    assert "No spectrum has been quantified yet." in text
    made = client_for(world.monitor).get("/progress/figures/recruitment.json")
    assert made.status_code == 200
    assert json.loads(client_for(world.monitor).get("/progress/figures/snr.json").content)["data"] == []


def test_failed_spectra_are_ringed_and_counted(running: World, client_for) -> None:
    from sessions.models import QuantificationReview, StudySession

    sessions = list(StudySession.objects.filter(participant__study=running.study, status="completed")[:2])
    spectra.quantified(running, sessions[0], snr=10.0, is_usable=False)
    run = spectra.quantified(running, sessions[1], snr=60.0)
    QuantificationReview.objects.create(run=run, decision="reject", reviewed_by=running.imaging_analyst)
    client = client_for(running.monitor)
    assert "6 spectra: mean 39.0, from 10.0 to 60.0; 0 outside" in client.get("/progress/").content.decode()
    made = json.loads(client.get("/progress/figures/snr.json").content)
    assert [(trace["meta"]["role"], len(trace["y"])) for trace in made["data"]] == [("a", 4), ("danger", 2)]
    assert len(made["layout"]["shapes"]) == 2
    csv = client.get("/progress/figures/snr.csv").content.decode()
    assert "not usable" in csv
    assert "rejected" in csv
