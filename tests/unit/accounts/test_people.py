"""Roles, tokens, signatures and the team by their services."""

import datetime
import hashlib
import json
import uuid

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIRequestFactory

from studyportal import clock
from studyportal.accounts import signatures, team, tokens
from studyportal.accounts.adapter import AccountAdapter
from studyportal.accounts.authentication import Refused
from studyportal.accounts.models import ApiToken, StudyMembership, User
from studyportal.accounts.permissions_page import page
from studyportal.accounts.roles import BLINDED_ROLES, DESCRIPTIONS, ROLE_PERMISSIONS, Permission, Role
from studyportal.accounts.selectors import can, people_with, roles_of, sites_with, studies_of
from studyportal.audit.context import because
from studyportal.errors import InvalidInput, NotFound, NotPermitted
from tests.conftest import standing_at
from tests.factories.people import PASSWORD, make_member, make_user
from tests.factories.world import World

pytestmark = pytest.mark.django_db
UNBLINDING = {
    Permission.LIST_GENERATE, Permission.LIST_APPROVE, Permission.LIST_VIEW, Permission.ALLOCATION_VIEW,
    Permission.ALLOCATION_UNBLIND, Permission.UNBLINDED_REPORT_VIEW, Permission.UNBLINDED_EXPORT,
    Permission.REVEAL_LOG_VIEW, Permission.REPLACEMENT_ARRANGE, Permission.STUDY_UNBLIND, Permission.CONTAGION_VIEW,
    Permission.LIST_REVEAL,
    Permission.SHEET_PRINT,
    Permission.KIT_VIEW, Permission.KIT_SHIP, Permission.KIT_RECEIVE, Permission.KIT_DISPENSE, Permission.KIT_CHECK,
    Permission.KIT_RECONCILE, Permission.KIT_CONTENT_VIEW, Permission.KIT_SUPPLY_VIEW,
}  # fmt: skip


class TestMatrix:
    def test_each_side_of_the_blind_holds_its_own_permissions_only(self) -> None:
        assert set(ROLE_PERMISSIONS) == set(Role) == set(DESCRIPTIONS)
        for role in Role:
            held = ROLE_PERMISSIONS[role]
            assert not held & UNBLINDING if role in BLINDED_ROLES else held <= UNBLINDING
        assert ROLE_PERMISSIONS[Role.ADMINISTRATOR] == {
            Permission.TEAM_MANAGE, Permission.STORED_FILES_WATCH, Permission.MAIL_WATCH, Permission.COMMITMENT_VIEW,
        }  # fmt: skip
        assert frozenset(Permission) == frozenset().union(*ROLE_PERMISSIONS.values())

    def test_the_page_shows_every_role_and_permission(self) -> None:
        text = page()
        assert all(f"| {role.label} | {DESCRIPTIONS[role]} |" in text for role in Role)
        assert all(f"\n| {permission.value.replace('_', ' ')} |" in text for permission in Permission)

    def test_a_role_at_a_site_counts_there_only(self, world: World) -> None:
        south = world.south_coordinator
        assert list(sites_with(south, Permission.SESSION_VIEW, world.study)) == [world.other_site]
        assert can(south, Permission.SESSION_VIEW, world.study, world.other_site)
        assert not can(south, Permission.SESSION_VIEW, world.study, world.site)
        assert not can(south, Permission.DATA_EXPORT, world.study)
        assert south in people_with(Permission.SESSION_CONDUCT, world.study, world.other_site)
        assert south not in people_with(Permission.SESSION_CONDUCT, world.study, world.site)
        assert list(people_with(Permission.LIST_GENERATE, world.study)) == [world.unblinded_statistician]

    def test_an_ended_role_is_none(self, world: World) -> None:
        world.rater.memberships.update(ended_at=clock.now())
        assert roles_of(world.rater, world.study) == frozenset()
        assert list(studies_of(world.rater)) == []


class TestBlindOrNot:
    @pytest.mark.parametrize(("first", "second"), [("rater", "pharmacist"), ("pharmacist", "rater")])
    def test_the_database_refuses_the_mixture_on_every_path(self, world: World, first: str, second: str) -> None:
        user = world.people[first]
        with pytest.raises(IntegrityError, match="blinded and an unblinded role"), transaction.atomic():
            StudyMembership.objects.create(user=user, study=world.study, role=second)
        with pytest.raises(IntegrityError), transaction.atomic():
            StudyMembership.objects.bulk_create([StudyMembership(user=user, study=world.study, role=second)])
        assert user.memberships.count() == 1

    def test_who_was_unblinded_once_stays_so(self, world: World) -> None:
        with standing_at("vault"):
            world.pharmacist.memberships.update(ended_at=clock.now())
        with pytest.raises(InvalidInput, match="Nobody may hold") as refused:
            team.give_role(study=world.study, username="pharmacist", role="rater", site_code="", by=world.administrator)
        assert refused.value.reason_code == "mixed_blinding"

    def test_in_another_study_the_other_side_needs_a_second_account(self, world: World) -> None:
        for user, role in ((world.pharmacist, Role.RATER), (world.rater, Role.PHARMACIST)):
            with pytest.raises(IntegrityError), transaction.atomic():
                StudyMembership.objects.create(user=user, study=world.other_study, role=role)
            assert roles_of(user, world.other_study) == frozenset()
        second = make_member("pharmacist-elsewhere", Role.RATER, world.other_study)
        assert roles_of(second, world.other_study) == {Role.RATER}


class TestTeam:
    def test_a_role_that_ended_is_revived_not_doubled(self, world: World) -> None:
        membership = world.monitor.memberships.get()
        team.end_role(study=world.study, membership_id=membership.pk, by=world.administrator)
        assert roles_of(world.monitor, world.study) == frozenset()
        given = team.give_role(
            study=world.study, username="monitor", role="monitor", site_code="", by=world.administrator
        )
        assert (given.pk, given.ended_at) == (membership.pk, None)
        assert roles_of(world.monitor, world.study) == {Role.MONITOR}

    def test_all_faults_are_named_at_once_and_nothing_changes(self, world: World) -> None:
        before = StudyMembership.objects.count()
        with pytest.raises(InvalidInput) as refused:
            team.give_role(study=world.study, username="nobody", role="king", site_code="99", by=world.administrator)
        assert set(refused.value.fields) == {"username", "role", "site"}
        assert StudyMembership.objects.count() == before

    def test_only_the_administrator_may(self, world: World) -> None:
        membership = world.monitor.memberships.get()
        for who in (world.coordinator, world.pharmacist, world.outsider):
            with pytest.raises(NotPermitted):
                team.give_role(study=world.study, username="monitor", role="rater", site_code="", by=who)
            with pytest.raises(NotPermitted):
                team.end_role(study=world.study, membership_id=membership.pk, by=who)
        assert roles_of(world.monitor, world.study) == {Role.MONITOR}
        with pytest.raises(NotFound):
            team.end_role(study=world.study, membership_id=uuid.uuid4(), by=world.administrator)

    def test_ending_twice_keeps_the_first_time(self, world: World) -> None:
        membership = world.monitor.memberships.get()
        first = team.end_role(study=world.study, membership_id=membership.pk, by=world.administrator).ended_at
        again = team.end_role(study=world.study, membership_id=membership.pk, by=world.administrator).ended_at
        assert first == again


class TestTokens:
    def test_only_the_hash_is_kept(self, world: World) -> None:
        token, key = tokens.issue(study=world.study, door="web", name=" R ", days=90, by=world.statistician)
        token.refresh_from_db()
        assert (token.name, token.digest) == ("R", hashlib.sha256(key.encode()).hexdigest())
        assert key not in json.dumps({f.name: str(getattr(token, f.name)) for f in token._meta.concrete_fields})
        assert tokens.holder(key, door="web") == token
        assert tokens.holder(key, door="vault") is None
        assert tokens.holder(key[:-1], door="web") is None
        assert str(token) == f"R ({token.prefix})"

    @pytest.mark.parametrize(("name", "days", "field"), [(" ", 1, "name"), ("R", 0, "days"), ("R", 91, "days")])
    def test_a_wrong_answer_makes_nothing(self, world: World, name: str, days: int, field: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            tokens.issue(study=world.study, door="web", name=name, days=days, by=world.statistician)
        assert list(refused.value.fields) == [field]
        assert not ApiToken.objects.exists()

    def test_neither_side_gets_a_token_of_the_other_door(self, world: World) -> None:
        for door, who in (("vault", world.statistician), ("web", world.unblinded_statistician), ("web", world.rater)):
            with pytest.raises(NotPermitted):
                tokens.issue(study=world.study, door=door, name="R", days=1, by=who)
        assert not ApiToken.objects.exists()

    def test_the_use_is_noted_once_a_minute(self, world: World) -> None:
        token, _ = tokens.issue(study=world.study, door="web", name="R", days=1, by=world.statistician)
        start = clock.now()
        for seconds, noted in ((0, 0), (30, 0), (61, 61)):
            with clock.at(start + datetime.timedelta(seconds=seconds)):
                tokens.mark_used(token)
            token.refresh_from_db()
            assert token.last_used_at == start + datetime.timedelta(seconds=noted)

    def test_somebody_elses_cannot_be_revoked(self, world: World) -> None:
        token, key = tokens.issue(study=world.study, door="web", name="R", days=1, by=world.statistician)
        with pytest.raises(NotFound):
            tokens.revoke(prefix=token.prefix, by=world.data_manager)
        assert tokens.holder(key, door="web") == token
        tokens.revoke(prefix=token.prefix, by=world.statistician)
        assert tokens.holder(key, door="web") is None


class TestSignatures:
    def test_the_hash_is_of_what_was_shown(self, world: World) -> None:
        record = uuid.uuid4()
        signed = signatures.sign(
            by=world.rater, meaning="I rated this", record_label="rating", record_id=record,
            content={"b": 1, "a": "ü"}, time_zone="Europe/London",
        )  # fmt: skip
        assert signed.content == '{"a":"ü","b":1}'
        assert signed.content_sha256 == hashlib.sha256(signed.content.encode()).hexdigest()
        assert (signed.printed_name, str(signed)) == (world.rater.full_name, f"{world.rater.full_name}: I rated this")
        with because("correction", "misheard"):
            signatures.void(signed, reason="misheard")
        signed.refresh_from_db()
        assert signed.void_reason == "misheard"
        assert signed.voided_at is not None

    def test_the_password_is_asked_again(self, world: World) -> None:
        signatures.check_password(world.rater, PASSWORD)
        for wrong in ("", "wrong", PASSWORD.upper()):
            with pytest.raises(InvalidInput) as refused:
                signatures.check_password(world.rater, wrong)
            assert refused.value.reason_code == "wrong_password"


def test_people_are_shown_by_name_and_nobody_signs_up(world: World) -> None:
    assert str(world.rater) == world.rater.get_full_name() == "Rater"
    assert str(world.rater.memberships.get()) == f"Rater is rater in {world.study.pk}"
    assert AccountAdapter().is_open_for_signup(None) is False
    assert not make_user("no-password", password=None).has_usable_password()
    assert not hasattr(User.objects, "create_superuser")


def test_the_api_refuses_by_default(world: World) -> None:
    request = APIRequestFactory().get("/")
    request.user = make_member("somebody", Role.STATISTICIAN, world.study)
    assert Refused().has_permission(request, None) is False
