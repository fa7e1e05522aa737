"""One account, one door: what the blinded logins can never do to the vault's accounts, and enrolment behind a link."""

import datetime
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import override_settings

from studyportal import clock
from studyportal.accounts import doors, enrolment, second_factor
from studyportal.accounts.models import Enrolment, StudyMembership, User
from studyportal.accounts.roles import Role
from studyportal.accounts.selectors import roles_of
from studyportal.errors import InvalidInput, NotFound
from tests.conftest import database_role, standing_at
from tests.factories.people import PASSWORD, make_user
from tests.factories.world import World

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXP"
INSERT_KEY = (
    "INSERT INTO public.mfa_authenticator (user_id, type, data, created_at) VALUES (%s, 'webauthn', '{}', now())"
)
INSERT_ADDRESS = (
    'INSERT INTO public.account_emailaddress (user_id, email, verified, "primary")'
    " VALUES (%s, 'mine@example.org', true, true)"
)
BLINDED = ["portal_web", "portal_worker", "portal_readonly"]


def code_now(secret: str = SECRET) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def run(statement: str, *parameters: object) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


@pytest.fixture
def pharmacist(world: World) -> User:
    """Return the pharmacist, with an authenticator."""
    with standing_at("vault"):
        TOTP.activate(world.pharmacist, SECRET)
    return world.pharmacist


class TestBlindedLogins:
    @pytest.mark.parametrize("login", BLINDED)
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE public.accounts_user SET password = 'mine' WHERE id = %s",
            "UPDATE public.accounts_user SET email = 'mine@example.org' WHERE id = %s",
            "UPDATE public.accounts_user SET is_active = false WHERE id = %s",
            "UPDATE public.accounts_user SET username = 'somebody' WHERE id = %s",
            "UPDATE public.accounts_user SET last_login = now(), password = 'mine' WHERE id = %s",
            INSERT_KEY,
            "UPDATE public.mfa_authenticator SET user_id = %s WHERE user_id <> %s",
            INSERT_ADDRESS,
            "UPDATE public.accounts_studymembership SET ended_at = now() WHERE user_id = %s",
            "UPDATE public.accounts_studymembership SET role = 'rater' WHERE user_id = %s",
        ],
    )
    def test_change_nothing_of_an_unblinded_account(
        self, world: World, pharmacist: User, login: str, statement: str
    ) -> None:
        TOTP.activate(world.coordinator, SECRET)
        before = self.all_of(pharmacist)
        with database_role(login), pytest.raises(DatabaseError):
            run(statement, *[pharmacist.pk] * statement.count("%s"))
        assert self.all_of(pharmacist) == before

    @staticmethod
    def all_of(user: User) -> list[object]:
        with standing_at("vault"):
            return [
                list(User.objects.filter(pk=user.pk).values()),
                list(Authenticator.objects.order_by("pk").values()),
                list(StudyMembership.objects.filter(user=user).values()),
            ]

    def test_see_no_authenticator_of_an_unblinded_account(self, world: World, pharmacist: User) -> None:
        TOTP.activate(world.coordinator, SECRET)
        assert list(Authenticator.objects.values_list("user__username", flat=True)) == ["coordinator"]
        assert run("DELETE FROM public.mfa_authenticator WHERE user_id = %s", pharmacist.pk) == 0
        assert run("UPDATE public.mfa_authenticator SET data = '{}' WHERE user_id = %s", pharmacist.pk) == 0
        with standing_at("vault"):
            assert Authenticator.objects.filter(user=pharmacist).exists()

    @pytest.mark.parametrize("role", [Role.PHARMACIST, Role.UNBLINDED_STATISTICIAN])
    def test_give_nobody_an_unblinded_role(self, world: World, role: Role) -> None:
        newcomer = make_user("newcomer", password=None)
        with pytest.raises(DatabaseError, match="portal_web cannot give, change or end an unblinded role"):
            run_membership(newcomer, world, role)
        turned = "UPDATE public.accounts_studymembership SET user_id = %s WHERE role = 'pharmacist'"
        with pytest.raises(DatabaseError, match="cannot give, change or end"):
            run(turned, newcomer.pk)
        with standing_at("vault"):
            run_membership(newcomer, world, role)
        assert roles_of(newcomer, world.study) == {role}

    def test_do_their_own_work_as_ever(self, world: World) -> None:
        world.coordinator.set_password("another-long-password")
        world.coordinator.save()
        authenticator = TOTP.activate(world.coordinator, SECRET).instance
        authenticator.record_usage()
        authenticator.delete()
        world.coordinator.refresh_from_db()
        assert world.coordinator.check_password("another-long-password")
        assert run("UPDATE public.accounts_user SET last_login = now() WHERE id = %s", world.pharmacist.pk) == 1

    @pytest.mark.parametrize("login", BLINDED)
    def test_hold_nothing_on_enrolments(self, login: str) -> None:
        for verb in ("SELECT 1 FROM", "DELETE FROM"):
            with database_role(login), pytest.raises(DatabaseError, match="permission denied"):
                run(f"{verb} public.accounts_enrolment")

    def test_take_back_no_pause_of_the_vault(self, world: World) -> None:
        row = (
            "INSERT INTO public.axes_accessattempt (username, ip_address, user_agent, get_data, post_data,"
            " failures_since_start, attempt_time, http_accept, path_info)"
            " VALUES ('pharmacist', '127.0.0.1', '', '', '', %s, now(), '', '')"
        )
        with standing_at("vault"):
            run(row, 10)
        assert run(row, 1) == 1
        assert run("DELETE FROM public.axes_accessattempt") == 1
        with standing_at("vault"), connection.cursor() as cursor:
            cursor.execute("SELECT failures_since_start, login FROM public.axes_accessattempt")
            assert cursor.fetchall() == [(10, "portal_vault")]


def run_membership(user: User, world: World, role: Role) -> None:
    with transaction.atomic():
        StudyMembership.objects.create(user=user, study=world.study, role=role)


class TestFirstUnblindedRole:
    def test_is_refused_while_the_account_has_what_the_blinded_door_could_set(self, world: World) -> None:
        with_password, with_app = make_user("with-password"), make_user("with-app", password=None)
        TOTP.activate(with_app, SECRET)
        for user in (with_password, with_app):
            with standing_at("vault"), pytest.raises(IntegrityError, match="without password and authenticator"):
                run_membership(user, world, Role.PHARMACIST)
            assert roles_of(user, world.study) == frozenset()

    def test_voids_password_and_authenticator_and_gives_a_link(self, world: World) -> None:
        user = make_user("newcomer")
        TOTP.activate(user, SECRET)
        with standing_at("vault"):
            secret = enrolment.give_unblinded_role(study=world.study, user=user, role="pharmacist", site_code="01")
            assert enrolment.whose(secret) == user
            assert not Authenticator.objects.filter(user=user).exists()
            again = enrolment.give_unblinded_role(
                study=world.study, user=user, role="unblinded_statistician", site_code=""
            )
        assert again is None
        user.refresh_from_db()
        assert not user.has_usable_password()
        assert user.memberships.get(role="pharmacist").site == world.site

    @pytest.mark.parametrize(("role", "site"), [("rater", ""), ("pharmacist", "99")])
    def test_a_wrong_answer_changes_nothing(self, world: World, role: str, site: str) -> None:
        user = make_user("newcomer")
        with standing_at("vault"), pytest.raises(InvalidInput):
            enrolment.give_unblinded_role(study=world.study, user=user, role=role, site_code=site)
        user.refresh_from_db()
        assert user.check_password(PASSWORD)
        assert not user.memberships.exists()

    def test_somebody_with_a_blinded_role_keeps_everything(self, world: World) -> None:
        with standing_at("vault"), pytest.raises(InvalidInput, match="Nobody may hold a blinded and an unblinded"):
            enrolment.give_unblinded_role(study=world.other_study, user=world.rater, role="pharmacist", site_code="")
        world.rater.refresh_from_db()
        assert world.rater.check_password(PASSWORD)


class TestEnrolment:
    def test_a_link_opens_once_and_leaves_both_factors(self, world: World) -> None:
        with standing_at("vault"):
            secret = enrolment.invite(user=world.pharmacist)
            world.pharmacist.refresh_from_db()
            assert not world.pharmacist.has_usable_password()
            enrolment.enrol(secret=secret, password="a-new-long-password", totp_secret=SECRET, code=code_now())
            with pytest.raises(NotFound, match="was used"):
                enrolment.enrol(secret=secret, password="a-second-long-one", totp_secret=SECRET, code=code_now())
            kinds = set(Authenticator.objects.filter(user=world.pharmacist).values_list("type", flat=True))
            held = Authenticator.objects.get(user=world.pharmacist, type="totp")
            assert not second_factor.opens(held, code_now()), "the code of the enrolment opens nothing more"
        assert kinds == {"totp", "recovery_codes"}
        world.pharmacist.refresh_from_db()
        assert world.pharmacist.check_password("a-new-long-password")

    def test_a_link_ends_after_three_days_or_with_the_next(self, world: World) -> None:
        now = clock.now()
        with standing_at("vault"):
            first = enrolment.invite(user=world.pharmacist)
            second = enrolment.invite(user=world.pharmacist)
            with pytest.raises(NotFound):
                enrolment.whose(first)
            with clock.at(now + datetime.timedelta(days=2, hours=23)):
                assert enrolment.whose(second) == world.pharmacist
            with clock.at(now + datetime.timedelta(days=3, minutes=1)), pytest.raises(NotFound):
                enrolment.whose(second)
            assert not Enrolment.objects.filter(digest__in=[first, second]).exists(), "only the hash is kept"
            assert str(Enrolment.objects.first()) == f"enrolment of {world.pharmacist.pk}"
            world.pharmacist.is_active = False
            world.pharmacist.save()
            with pytest.raises(NotFound):
                enrolment.whose(second)


class TestRefusalAtADoor:
    @override_settings(PORTAL_REQUIRE_SECOND_FACTOR=True)
    def test_each_account_opens_one_door(self, world: World) -> None:
        newcomer = make_user("newcomer")
        assert doors.refusal_at("web", world.coordinator) is None
        assert doors.refusal_at("web", newcomer) is None
        assert doors.refusal_at("web", world.pharmacist) == doors.OTHER_DOOR
        with standing_at("vault"):
            assert doors.refusal_at("vault", world.coordinator) == doors.OTHER_DOOR
            assert doors.refusal_at("vault", newcomer) == doors.OTHER_DOOR
            assert doors.refusal_at("vault", world.pharmacist) == doors.NOT_ENROLLED
            TOTP.activate(world.pharmacist, SECRET)
            assert doors.refusal_at("vault", world.pharmacist) is None
            world.pharmacist.memberships.update(ended_at=clock.now())
        assert doors.refusal_at("web", world.pharmacist) == doors.OTHER_DOOR


class TestCommand:
    @staticmethod
    def said(*arguments: str) -> str:
        out = StringIO()
        with standing_at("vault"):
            call_command("vault_account", *arguments, stdout=out)
        return out.getvalue()

    def test_makes_an_account_with_a_role_and_a_link(self, world: World) -> None:
        said = self.said("paula", "--name", "Paula Example", "--study", "XO", "--role", "pharmacist", "--site", "01")
        assert said.startswith(
            "paula is now pharmacist in XO.\nEnrolment link, once and for three days: /account/enrol/"
        )
        paula = User.objects.get(username="paula")
        assert (paula.full_name, paula.has_usable_password()) == ("Paula Example", False)
        with standing_at("vault"):
            assert enrolment.whose(said.split("/account/enrol/")[1].split("/")[0]) == paula
        assert self.said("paula", "--study", "XO", "--role", "pharmacist", "--end") == (
            "Paula Example is no longer pharmacist in XO.\n"
        )
        assert roles_of(paula, world.study) == frozenset()

    @override_settings(PORTAL_HOST="vault.example.org")
    def test_gives_a_new_link_to_who_lost_the_authenticator(self, world: World, pharmacist: User) -> None:
        assert "https://vault.example.org/account/enrol/" in self.said("pharmacist")
        with standing_at("vault"):
            assert not Authenticator.objects.filter(user=pharmacist).exists()
        assert "is now unblinded statistician in XO.\n" in self.said(
            "pharmacist", "--study", "XO", "--role", "unblinded_statistician"
        )

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["nobody"], "nobody is no account of the unblinded door"),
            (["rater"], "rater is no account of the unblinded door"),
            (
                ["nobody", "--study", "ZO", "--role", "pharmacist"],
                "no study 'ZO'. Give --study one of: XO, YO.",
            ),
            (["nobody", "--study", "XO", "--role", "pharmacist", "--end"], "There is no account named nobody."),
            (["rater", "--study", "XO", "--role", "pharmacist", "--end"], "does not hold this unblinded role"),
            (["rater", "--study", "YO", "--role", "pharmacist"], "Nobody may hold a blinded and an unblinded role"),
            (["Nobody!", "--name", "N", "--study", "XO", "--role", "pharmacist"], "Enter a valid value"),
            (["nobody", "--study", "XO", "--role", "pharmacist"], "This field cannot be blank"),
        ],
    )
    def test_says_what_is_wrong_and_changes_nothing(self, world: World, arguments: list[str], words: str) -> None:
        before = (User.objects.count(), StudyMembership.objects.count())
        with pytest.raises(CommandError, match=words.replace("?", r"\?")):
            self.said(*arguments)
        assert (User.objects.count(), StudyMembership.objects.count()) == before

    def test_runs_with_the_vaults_login_only(self, world: World) -> None:
        with pytest.raises(CommandError, match="set PORTAL_PROCESS=vault"):
            call_command("vault_account", "pharmacist")
