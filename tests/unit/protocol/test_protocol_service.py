"""Drafting, signing and freezing: who may, what is refused, and what the database itself refuses."""

import datetime

import pytest
from django.db import DatabaseError, connection, transaction

from sessions.models import AnalysisProtocol
from sessions.mrs import ENGINE_VERSION
from sessions.services import analysis_protocols as service
from studyportal import clock
from studyportal.accounts.models import Signature
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState, NotPermitted
from studyportal.studies.models import Study
from tests.conftest import database_role
from tests.factories import protocols, scans
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _basis(world: World) -> None:
    scans.make_basis(world)


def test_each_change_is_a_version_with_reason_and_author(world: World) -> None:
    assert service.current_of(world.study) is None
    first, second = protocols.drafted(world), protocols.drafted(world, snr_min=30.0)
    assert [(one.version, one.reason, one.drafted_by) for one in (first, second)] == [
        (1, "For this test", world.imaging_analyst), (2, "For this test", world.imaging_analyst)
    ]  # fmt: skip
    assert (second.terms["snr_min"], second.terms["engine_version"]) == (30.0, ENGINE_VERSION)
    assert (service.current_of(world.study), service.signed_of(world.study)) == (second, None)
    assert [one["name"] for one in second.terms["bases"]] == ["Simulated 3 T"]
    exploratory = protocols.drafted(world, is_exploratory=True, snr_min=5.0)
    assert (exploratory.version, service.current_of(world.study)) == (3, second)


def test_who_may_not_draft_or_sign_changes_nothing(world: World) -> None:
    for name in ("coordinator", "investigator", "rater", "data_manager", "monitor", "administrator", "outsider"):
        with pytest.raises(NotPermitted):
            service.draft(study=world.study, terms=protocols.terms(world), reason="Mine", by=world.people[name])
    assert AnalysisProtocol.objects.count() == 0
    made = protocols.drafted(world)
    for name in ("imaging_analyst", "coordinator", "rater", "data_manager", "monitor", "administrator", "outsider"):
        with pytest.raises(NotPermitted):
            service.sign(protocol=made, password=PASSWORD, by=world.people[name])
    assert (service.signed_of(world.study), Signature.objects.count()) == (None, 0)


def test_impossible_terms_a_missing_reason_and_no_difference_are_refused(world: World) -> None:
    by, terms = world.imaging_analyst, protocols.terms(world)
    for changes, reason, field in (
        ({"snr_min": -1.0}, "Better", "snr_min"),
        ({}, " ", "reason"),
        ({}, "x" * 501, "reason"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            service.draft(study=world.study, terms=protocols.terms(world, **changes), reason=reason, by=by)
        assert list(refusal.value.fields) == [field]
    assert AnalysisProtocol.objects.count() == 0
    service.draft(study=world.study, terms=terms, reason="x" * 500, by=by)
    with pytest.raises(InvalidInput, match="Nothing differs from version 1"):
        service.draft(study=world.study, terms=terms, reason="Again", by=by)
    assert AnalysisProtocol.objects.count() == 1


@pytest.mark.parametrize("name", ["investigator", "statistician"])
def test_a_signature_covers_every_word_and_freezes(world: World, name: str) -> None:
    protocols.drafted(world)
    second = protocols.drafted(world, snr_min=30.0)
    with pytest.raises(InvalidInput, match="password does not match"):
        service.sign(protocol=second, password="wrong", by=world.people[name])
    assert service.signed_of(world.study) is None
    signed = service.sign(protocol=second, password=PASSWORD, by=world.people[name])
    assert (signed.signature.signer, signed.signature.meaning) == (world.people[name], service.MEANING)
    assert signed.signature.record_id == second.pk
    assert '["SNR","30 or more"]' in signed.signature.content
    assert (service.signed_of(world.study), service.current_of(world.study)) == (second, second)


def test_after_the_signature_a_change_is_refused_and_an_exploratory_one_marked(world: World) -> None:
    first = protocols.drafted(world)
    signed = protocols.signed(world, snr_min=30.0)
    with pytest.raises(InvalidState, match="Version 2 is signed and frozen: it can no longer be changed") as refusal:
        protocols.drafted(world, snr_min=10.0)
    assert refusal.value.reason_code == "protocol_frozen"
    for protocol, words in ((first, "Version 2 is signed and frozen"), (signed, "signed already")):
        with pytest.raises(InvalidState, match=words):
            service.sign(protocol=protocol, password=PASSWORD, by=world.investigator)
    assert AnalysisProtocol.objects.count() == 2
    other = protocols.drafted(world, is_exploratory=True, snr_min=10.0)
    assert (other.version, service.current_of(world.study)) == (3, signed)


def test_an_exploratory_version_is_not_signed(world: World) -> None:
    made = protocols.drafted(world, is_exploratory=True)
    with pytest.raises(InvalidState, match="cannot be signed"):
        service.sign(protocol=made, password=PASSWORD, by=world.investigator)
    assert Signature.objects.count() == 0


def test_after_the_lock_nothing_is_drafted_or_signed(world: World) -> None:
    made = protocols.drafted(world)
    Study.objects.filter(pk=world.study.pk).update(status=Study.Status.LOCKED)
    for act in (
        lambda: protocols.drafted(world, snr_min=30.0),
        lambda: protocols.drafted(world, is_exploratory=True, snr_min=30.0),
        lambda: service.sign(protocol=made, password=PASSWORD, by=world.investigator),
    ):
        with pytest.raises(InvalidState, match="is locked") as refusal:
            act()
        assert refusal.value.reason_code == "database_locked"
    assert (AnalysisProtocol.objects.count(), Signature.objects.count()) == (1, 0)


def test_what_was_drafted_after_an_allocation_was_seen_is_not_signed(world: World) -> None:
    with clock.at(clock.now() - datetime.timedelta(hours=1)):
        before = protocols.drafted(world)
    for name, data in (("participant unblinded", {"reason_code": "emergency"}), ("sequences revealed", {})):
        with transaction.atomic():
            events.record(name, study=world.study.code, target="x", data=data)
            after = protocols.drafted(world, snr_min=30.0)
            with pytest.raises(InvalidState, match="had been opened before") as refusal:
                service.sign(protocol=after, password=PASSWORD, by=world.investigator)
            assert refusal.value.reason_code == "allocations_opened"
            assert Signature.objects.count() == 0
            transaction.set_rollback(True)
    events.record("sequences revealed", study=world.study.code, target="x", data={})
    assert service.sign(protocol=before, password=PASSWORD, by=world.investigator).signed_at is not None


def test_preparing_a_dose_and_another_studys_reveal_close_nothing(world: World) -> None:
    events.record("participant unblinded", study=world.study.code, target="x", data={"reason_code": "dispensing"})
    events.record("sequences revealed", study=world.other_study.code, target="x", data={"reason": "x"})
    with clock.at(clock.now() + datetime.timedelta(hours=1)):
        assert protocols.signed(world).signed_at is not None


def test_the_analyst_who_drafts_is_not_told_that_allocations_were_opened(world: World) -> None:
    events.record("sequences revealed", study=world.study.code, target="x", data={"reason": "x"})
    with clock.at(clock.now() + datetime.timedelta(hours=1)):
        assert protocols.drafted(world).version == 1


def test_the_database_refuses_to_change_what_a_version_says(world: World) -> None:
    made = protocols.drafted(world)
    changes = ("terms = '{}'", "reason = 'other'", "version = 9", "is_exploratory = true", "drafted_at = now()")
    for login in ("portal_web", "portal_worker", "portal_vault", "portal_owner"):
        for change in changes:
            with (
                database_role(login),
                pytest.raises(DatabaseError, match="never changed"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(f"UPDATE study_sessions_analysisprotocol SET {change} WHERE id = %s", [made.pk])


def test_the_database_refuses_to_unsign_and_a_second_signature(world: World) -> None:
    first = protocols.drafted(world)
    signed = protocols.signed(world, snr_min=30.0)
    for statement, words in (
        ("UPDATE study_sessions_analysisprotocol SET signed_at = NULL WHERE id = %s", "never changed"),
        ("UPDATE study_sessions_analysisprotocol SET signature_id = NULL WHERE id = %s", "never changed"),
        ("DELETE FROM study_sessions_analysisprotocol WHERE id = %s", "permission denied"),
    ):
        with pytest.raises(DatabaseError, match=words), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [signed.pk])
    first.signed_at = clock.now()
    with pytest.raises(DatabaseError, match="one_signed_analysis_protocol"), transaction.atomic():
        first.save()


def test_the_worker_may_not_ask_for_reveals(world: World) -> None:
    for login in ("portal_worker", "portal_readonly", "portal_vault"):
        with (
            database_role(login),
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT audit.was_revealed('XO', now())")
