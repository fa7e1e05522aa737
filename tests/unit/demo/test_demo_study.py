"""The demo study, made whole in the suite's database: what it holds, and that the blinded side holds no more."""

import datetime
import json
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.test import override_settings

from participants.models import Participant
from ratings.models import Rating, SafetyAlert
from sessions.allocation.kit_books import books_for
from sessions.allocation.kit_models import DispensingLabel, KitAct
from sessions.models import ProtocolDeviation, QuantificationRun, Spectrum, StudySession
from studyportal import clock
from studyportal.accounts.models import StudyMembership, User
from studyportal.accounts.roles import Role
from studyportal.audit.context import acting
from studyportal.audit.models import Event
from studyportal.demo import kits, making, progress, spectra, vault
from studyportal.demo.design import ACCOUNTS
from studyportal.demo.outcomes import Outcome
from studyportal.demo.plan import make_plans
from studyportal.reports.analysis.synthetic import Sex, SyntheticParticipant
from studyportal.studies.models import Study
from tests.conftest import database_role, standing_at

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 25, 10, tzinfo=datetime.UTC)
PASSWORD = "demo-0000-1111-2222"


def ask(act: str, request: dict) -> dict:
    """Answer as the vault's half does, with the vault's login."""
    study = Study.objects.get(code="DEMO")
    with standing_at("vault"):
        if act == "people":
            vault.make_people(study, password=request["password"])
            return {}
        if act == "list":
            vault.make_list(study, slots_per_stratum=request["slots"], password=request["password"])
            return {}
        if act == "kits":
            kits.stock_and_dispense(study, each=request["each"], password=request["password"])
            return {}
        people = {
            UUID(row["id"]): SyntheticParticipant(row["position"], Sex(row["sex"]), row["age"], tuple(row["days"]))
            for row in request["people"]
        }
        drawn = vault.draw_outcomes(study, people)
        return json.loads(json.dumps({str(key): [o.as_document() for o in rows] for key, rows in drawn.items()}))


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory):
    """Make the small demo once for this file, in a transaction around every test's own."""
    folder = tmp_path_factory.mktemp("demo")
    with django_db_blocker.unblock(), transaction.atomic(), override_settings(PORTAL_DATA=folder):
        with acting("user:suite"), database_role("portal_web"), clock.at(NOW):
            study = making.make_demo("small", password=PASSWORD, say=lambda line: None, ask=ask)
        yield study, folder
        transaction.set_rollback(True)


@pytest.fixture
def demo(made: tuple[Study, Path]) -> Study:
    """Return the small demo study."""
    return made[0]


@pytest.fixture
def folder(made: tuple[Study, Path]) -> Path:
    """Return its data folder."""
    return made[1]


def test_everybody_stands_where_the_calendar_says(demo: Study) -> None:
    assert demo.is_synthetic
    assert Counter(Participant.objects.values_list("status", flat=True)) == {
        "completed": 4, "randomized": 3, "screening": 1,
    }  # fmt: skip
    completed = Participant.objects.filter(status="completed")
    assert Counter(completed.values_list("sex", flat=True)) == {"F": 2, "M": 2}
    assert StudySession.objects.filter(participant__in=completed, status="completed").count() == 8


def test_every_rating_of_the_completed_is_signed(demo: Study) -> None:
    ratings = Rating.objects.filter(assignment__session__participant__status="completed")
    assert (ratings.count(), ratings.filter(status=Rating.Status.SIGNED).count()) == (16, 16)
    assert all(rating.scores.count() == 10 for rating in ratings)


def test_a_late_interview_became_a_deviation(demo: Study) -> None:
    found = ProtocolDeviation.objects.filter(code="rating_window")
    assert [(d.participant.number, d.session.period.number) for d in found] == [
        (Participant.objects.order_by("number")[2].number, 1)
    ]


def test_every_old_alert_was_seen_to(demo: Study) -> None:
    assert not SafetyAlert.objects.filter(rater_acknowledged_at=None).exists()
    long_ago = NOW - datetime.timedelta(days=3)
    assert not SafetyAlert.objects.filter(raised_at__lt=long_ago, acknowledged_at=None).exists()


def test_there_is_an_account_for_each_role_and_a_second_factor_for_the_unblinded(demo: Study) -> None:
    assert {m.role for m in StudyMembership.objects.filter(study=demo)} == {role.value for role in Role}
    second_factor = User.objects.filter(authenticator__type="totp").order_by("username")
    assert not second_factor.exists(), "the blinded login sees no second factor of the vault's people"
    with standing_at("vault"):
        assert [user.username for user in second_factor] == ["oncall", "pharmacist", "pharmacist2", "unblinded"]
    assert {user.username for user in User.objects.all() if user.check_password(PASSWORD)} == {
        account.username for account in ACCOUNTS
    }


def test_every_session_held_was_served_by_two_pharmacists(demo: Study) -> None:
    held = StudySession.objects.filter(status__in=("completed", "in_progress"))
    assert {label.session_id for label in DispensingLabel.objects.all()} == set(held.values_list("pk", flat=True))
    with standing_at("vault"):
        assert {row.books.difference for row in books_for(User.objects.get(username="pharmacist"), demo)} == {0}
        signed = KitAct.objects.filter(kind="dispensed").values_list("by__username", "checked_by__username")
        assert set(signed) == {("pharmacist", "pharmacist2")}


def test_the_list_was_made_and_approved_by_two_people(demo: Study) -> None:
    with standing_at("vault"):
        names = dict(Event.objects.filter(name__in=["list generated", "list approved"]).values_list("name", "actor"))
    assert names == {"list generated": "user:unblinded", "list approved": "user:pharmacist"}


def test_only_a_portal_without_study_and_people_is_empty(demo: Study) -> None:
    assert not making.is_empty()


def test_the_same_folder_draws_the_same_outcomes_again(demo: Study) -> None:
    first = making.outcomes_of(making.people_on_file(), ask=ask)
    assert making.outcomes_of(making.people_on_file(), ask=ask) == first
    assert len(first) == 7


def test_the_blinded_side_gets_neither_sequence_nor_guess_nor_seed(demo: Study, folder: Path) -> None:
    answer = ask("outcomes", {"people": making.people_on_file()})
    keys = {key for rows in answer.values() for row in rows for key in row}
    assert keys == {"period", "madrs_before", "madrs_after", "adverse_events", "glx"}
    assert len((folder / "demo_seed.sealed").read_bytes()) == 112
    with standing_at("web"), pytest.raises(Exception, match="Not found"):
        vault.unseal((folder / "demo_seed.sealed").read_bytes(), vault.SEED_INFO)
    for name in ("demo_seed.sealed", "demo_people.json"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


def test_what_is_on_file_about_people_was_known_before_they_were_allocated(demo: Study) -> None:
    plans = {
        plan.person.position: plan for plan in make_plans("small", today=datetime.datetime.now(datetime.UTC).date())
    }
    for row in making.people_on_file():
        person = plans[row["position"]].person
        assert (row["sex"], row["age"], tuple(row["days"])) == (person.sex.value, person.age, person.session_days)


def test_a_spectrum_comes_in_at_its_sessions_end_and_waits_for_the_worker(demo: Study) -> None:
    imaging = User.objects.get(username="imaging")
    session = spectra.lacking(demo)[0]
    before = progress.progress_of(demo)
    spectrum = spectra.upload(session, Outcome(1, (), (), (), (1.2, 1.2, 1.3, 1.3, 1.3, 1.3)), by=imaging)
    assert (spectrum.uploaded_at, spectrum.uploaded_by) == (session.completed_at, imaging)
    assert [run.state for run in spectrum.runs.all()] == ["queued"]
    assert spectra.waiting(demo) == 1
    assert spectra.lacking(demo)[0] != session
    assert progress.progress_of(demo) == before
    QuantificationRun.objects.filter(spectrum=spectrum).update(state="done")
    assert progress.progress_of(demo) == progress.Progress(before.done + 1, before.expected)


def test_spectra_are_fed_while_the_queue_is_short(demo: Study, monkeypatch) -> None:
    monkeypatch.setattr(spectra, "simulate_functional", lambda ratios, seed: f"{ratios}{seed}".encode())
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        run = QuantificationRun.objects.filter(state="queued").first()
        QuantificationRun.objects.filter(pk=run.pk).update(state="failed")

    held = len(spectra.lacking(demo))
    outcomes = making.outcomes_of(making.people_on_file(), ask=ask)
    fed = spectra.feed(demo, outcomes, by=User.objects.get(username="imaging"), wait=wait)
    assert (fed, Spectrum.objects.count(), waits) == (held, held, [1.0] * (held - spectra.LONGEST_QUEUE))
    assert spectra.lacking(demo) == []


def test_the_code_command_speaks_for_demo_accounts_only(demo: Study, capsys) -> None:
    with standing_at("vault"):
        call_command("code", "unblinded")
    assert len(capsys.readouterr().out.strip()) == 6
    for username, sentence in (
        ("monitor", "monitor signs in with the password alone."),
        ("nobody", "There is no account named nobody."),
    ):
        with pytest.raises(CommandError, match=sentence):
            call_command("code", username)
    Study.objects.update(is_synthetic=False)
    with pytest.raises(CommandError, match="unblinded works in a real study: only their own authenticator app shows"):
        call_command("code", "unblinded")


def test_the_demo_is_not_made_twice(demo: Study, capsys) -> None:
    call_command("demo", "--size", "small")
    assert capsys.readouterr().out == ""
    assert Participant.objects.count() == 8


def test_the_vaults_half_refuses_another_login(demo: Study) -> None:
    with pytest.raises(CommandError, match=r"Only the vault's process does this: set PORTAL_PROCESS=vault\."):
        call_command("demo_vault", "outcomes")
