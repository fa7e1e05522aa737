"""Rows of both doors from real records: exact values, scope by site and permission, masking, and the link."""

import datetime

import pytest

from ratings.models import ItemScore
from sessions.analysis_terms import NamedSet, Terms
from sessions.models import AnalysisProtocol, QuantificationResult, QuantificationRun
from studyportal import clock
from studyportal.audit.models import Event
from studyportal.errors import BlindingViolation, NotPermitted
from studyportal.reports import conduct_rows, datasets
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories import spectrum_rows as spectra
from tests.factories.world import World

pytestmark = pytest.mark.django_db

REASON = "suite"


@pytest.fixture
def two(world: World) -> World:
    """One participant at each site, the first with a held session, a signed MADRS and a quantified spectrum."""
    journey.activate_list(world)
    north = journey.randomized(world)
    journey.randomized(world, sex="M", site=world.other_site)
    session = journey.held(world, north)
    journey.rated(world, journey.assigned(world, session))
    spectra.quantified(world, session)
    return world


def reveals() -> int:
    with standing_at("vault"):
        return Event.objects.filter(name="sequences revealed").count()


def test_participants_are_scoped_to_the_viewers_sites(two: World) -> None:
    rows = datasets.participant_rows(two.coordinator, two.study)
    assert [(row.participant, row.site, row.sex, row.status) for row in rows] == [
        ("XO-001", "01", "F", "randomized"), ("XO-002", "02", "M", "randomized"),
    ]  # fmt: skip
    assert [row.participant for row in datasets.participant_rows(two.south_coordinator, two.study)] == ["XO-002"]
    assert datasets.participant_rows(two.rater, two.study) == []
    assert datasets.participant_rows(two.outsider, two.study) == []


def test_a_withdrawal_is_in_the_participants_row(two: World) -> None:
    from participants.services.withdrawal import withdraw

    participant = journey.screened(two)
    today = clock.now().date()
    withdraw(participant=participant, reason="lost", note="", withdrawn_on=today, by=two.coordinator)
    row = next(r for r in datasets.participant_rows(two.coordinator, two.study) if r.participant == participant.number)
    assert (row.status, row.withdrawn_on, row.randomization_number) == ("withdrawn", today, "")


def test_a_held_session_has_its_times_and_a_planned_one_has_none(two: World) -> None:
    held, planned, *_ = datasets.session_rows(two.monitor, two.study)
    assert (held.participant, held.period, held.status, held.infusion_minutes) == ("XO-001", 1, "completed", 40.0)
    assert held.infusion_started_at - held.pretreatment_at == datetime.timedelta(minutes=45)
    assert (planned.period, planned.status, planned.infusion_started_at, planned.infusion_minutes) == (
        2, "planned", None, None,
    )  # fmt: skip
    assert datasets.session_rows(two.rater, two.study) == []


def test_madrs_totals_and_items(two: World) -> None:
    (row,) = datasets.madrs_rows(two.data_manager, two.study)
    assert (row.participant, row.period, row.timepoint, row.total, row.items_scored) == (
        "XO-001", 1, "pre_dose", 24, 10,
    )  # fmt: skip
    assert row.rater == "rater"
    items = datasets.item_rows(two.data_manager, two.study)
    assert [(item.item, item.value) for item in items] == list(journey.SCORES.items())
    assert items[9].title == "Suicidal thoughts"
    assert datasets.madrs_rows(two.rater, two.study) == []
    assert datasets.item_rows(two.imaging_analyst, two.study) == []


def test_spectra_and_estimates(two: World) -> None:
    (spectrum,) = datasets.spectrum_rows(two.statistician, two.study)
    assert (spectrum.participant, spectrum.period, spectrum.kind, spectrum.status) == (
        "XO-001", 1, "metabolite", "stored",
    )  # fmt: skip
    rows = datasets.quantification_rows(two.statistician, two.study)
    whole = [row for row in rows if row.block is None]
    assert [(row.name, row.value, row.crlb_percent, row.snr) for row in whole] == [("Glx/tNAA", 1.25, 4.0, 41.0)]
    blocks = [row for row in rows if row.block is not None]
    assert [(row.block, row.minutes_from_infusion, row.value) for row in blocks] == [(0, -4.0, 1.2), (1, 4.0, 1.3)]
    assert {row.snr for row in blocks} == {20.0}
    assert all(row.is_current and row.is_usable for row in rows)
    assert datasets.quantification_rows(two.coordinator, two.study) == []


def test_reviewers_of_fits_see_no_session(two: World) -> None:
    (spectrum,) = datasets.spectrum_rows(two.imaging_analyst, two.study)
    assert (spectrum.period, spectrum.uploaded_at) == (None, None)
    assert {row.period for row in datasets.quantification_rows(two.imaging_analyst, two.study)} == {None}


def test_the_latest_run_is_current_and_carries_the_latest_verdict(two: World) -> None:
    run = spectra.rerun(two, verdicts=("accept", "reject"))
    rows = [row for row in datasets.quantification_rows(two.statistician, two.study) if row.block is None]
    assert [(row.run_ordinal, row.is_current, row.review) for row in rows] == [(1, False, ""), (2, True, "reject")]
    (quality,) = datasets.quality_rows(two.monitor, two.study)
    assert (quality.review, quality.snr, quality.fwhm_hz, quality.crlb_percent) == ("reject", 41.0, 5.5, 4.0)
    assert quality.spectrum_id == run.spectrum_id
    assert datasets.quality_rows(two.coordinator, two.study) == []


def counted(world: World) -> list[tuple[int, int | None, bool, bool]]:
    rows = [row for row in datasets.quantification_rows(world.statistician, world.study) if row.block is None]
    return [(row.run_ordinal, row.protocol_version, row.is_signed_protocol, row.is_counted) for row in rows]


def test_only_usable_results_under_the_signed_protocol_count(two: World) -> None:
    assert counted(two) == [(1, 1, True, True)]
    runs = QuantificationRun.objects
    spectra.rerun(two)
    assert counted(two) == [(1, 1, True, False), (2, 1, True, True)]
    runs.filter(ordinal=2).update(engine_version="2")
    assert counted(two) == [(1, 1, True, True), (2, 1, False, False)]
    runs.filter(ordinal=2).update(engine_version="1", protocol=None)
    assert counted(two) == [(1, 1, True, True), (2, None, False, False)]
    QuantificationResult.objects.update(is_usable=False)
    assert counted(two) == [(1, 1, True, False), (2, None, False, False)]
    for row in conduct_rows.run_rows(two.statistician, two.study):
        assert (row.protocol_version, row.is_signed_protocol) == ((1, True) if row.run_ordinal == 1 else (None, False))


def test_a_spectrum_below_a_threshold_counts_where_the_protocol_says_so(two: World) -> None:
    terms = Terms(
        primary_ratio="Glx/tNAA", bases=(NamedSet("1", "x", "sim:press:11,24@3T"),), engine_version="1",
        excludes_unusable=False,
    )  # fmt: skip
    other = spectra.signed_with(two.other_study, terms, by=two.outsider)
    QuantificationResult.objects.update(is_usable=False)
    assert counted(two) == [(1, 1, True, False)]
    run = QuantificationRun.objects.get()
    run.protocol = other
    run.save()
    assert counted(two) == [(1, 1, True, True)]


def test_exploratory_results_do_not_reach_the_quality_figures(two: World) -> None:
    run = spectra.rerun(two)
    protocol = AnalysisProtocol.objects.create(
        study=two.study, version=2, is_exploratory=True, terms=run.protocol.terms, terms_sha256="x", reason="x",
        drafted_by=two.imaging_analyst,
    )  # fmt: skip
    QuantificationRun.objects.filter(pk=run.pk).update(protocol=protocol)
    run.result.document["quality"]["snr"] = 99.0
    run.result.save()
    assert [row.snr for row in datasets.quality_rows(two.monitor, two.study)] == [41.0]
    assert counted(two) == [(1, 1, True, True), (2, 2, False, False)]


def test_links_open_at_the_vault_with_the_event_first(two: World) -> None:
    before = reveals()
    with standing_at("vault"):
        links = datasets.open_links(two.unblinded_statistician, two.study, reason=REASON)
    assert set(links.sequences) == {"XO-001", "XO-002"}
    assert set(links.sequences.values()) <= {"AB", "BA"}
    assert links.treatments["AB", 1] == links.treatments["BA", 2] == "Placebo capsule"
    assert reveals() == before + 1


@pytest.mark.parametrize("person", ["pharmacist", "statistician", "coordinator"])
def test_links_stay_closed_for_everybody_else(two: World, person: str) -> None:
    before = reveals()
    with standing_at("vault"), pytest.raises(NotPermitted):
        datasets.open_links(two.people[person], two.study, reason=REASON)
    assert reveals() == before


def test_the_blinded_door_cannot_open_links(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even somebody entitled gets nothing there: the tables are out of reach."""
    from django.db import ProgrammingError, transaction

    with pytest.raises((BlindingViolation, ProgrammingError)), transaction.atomic():
        datasets.open_links(two.unblinded_statistician, two.study, reason=REASON)


def test_unblinded_rows_carry_sequence_and_treatment(two: World) -> None:
    with standing_at("vault"):
        links = datasets.open_links(two.unblinded_statistician, two.study, reason=REASON)
        people = datasets.unblinded_participant_rows(two.study, links)
        sessions = datasets.unblinded_session_rows(two.study, links)
        madrs = datasets.unblinded_madrs_rows(two.study, links)
        items = datasets.unblinded_item_rows(two.study, links)
        files = datasets.unblinded_spectrum_rows(two.study, links)
        estimates = datasets.unblinded_quantification_parts(two.study, links).rows()
    assert [(row.participant, row.sequence) for row in people] == sorted(links.sequences.items())
    given = links.treatments[links.sequences["XO-001"], 1]
    for row in (sessions[0], madrs[0], items[0], files[0], estimates[0]):
        assert (row.participant, row.period, row.treatment) == ("XO-001", 1, given)
    assert len(sessions) == 4
    assert len(items) == ItemScore.objects.count()


def test_somebody_not_yet_randomized_is_not_in_unblinded_rows(two: World) -> None:
    journey.screened(two)
    with standing_at("vault"):
        links = datasets.open_links(two.unblinded_statistician, two.study, reason=REASON)
        assert len(datasets.unblinded_participant_rows(two.study, links)) == 2
