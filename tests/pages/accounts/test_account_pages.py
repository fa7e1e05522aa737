"""Sign-in, sign-out, one's account, the choice of study, tokens and the team, in a browser's eyes."""

import datetime
import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from axes.models import AccessAttempt
from django.test import override_settings
from django.urls import NoReverseMatch, reverse

from studyportal import clock
from studyportal.accounts.models import ApiToken, StudyMembership
from studyportal.accounts.roles import Role
from tests.conftest import standing_at
from tests.factories.people import PASSWORD, make_member, make_user
from tests.factories.pulls import bearer, stored_token, token_for
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def text_of(response) -> str:
    return response.content.decode()


def sign_in(client, username: str, password: str = PASSWORD, **more: str):
    return client.post("/account/login/", {"login": username, "password": password, **more})


class TestSignIn:
    def test_signs_in_with_the_right_password_only(self, world: World, client_for) -> None:
        client = client_for()
        page = client.get("/account/login/")
        assert "User name" in text_of(page)
        assert "nobody can sign up here" in text_of(page)
        refused = sign_in(client, "coordinator", "wrong-password-1")
        assert refused.status_code == 200
        assert "not correct" in text_of(refused)
        assert 'value="coordinator"' in text_of(refused)
        assert "wrong-password-1" not in text_of(refused)
        assert "_auth_user_id" not in client.session
        accepted = sign_in(client, "coordinator")
        assert (accepted.status_code, accepted.headers["Location"]) == (302, "/")
        assert client.session["_auth_user_id"] == str(world.coordinator.pk)

    def test_the_unblinded_door_says_what_it_is(self, world: World, client_for) -> None:
        assert "This is the unblinded door" in text_of(client_for(door="vault").get("/account/login/"))
        assert "unblinded" not in text_of(client_for().get("/account/login/"))

    def test_never_leads_to_another_host(self, world: World, client_for) -> None:
        answer = sign_in(client_for(), "coordinator", next="https://elsewhere.example/")
        assert answer.headers["Location"] == "/"

    @override_settings(AXES_ENABLED=True)
    def test_ten_wrong_passwords_pause_the_account(self, world: World, client_for) -> None:
        client = client_for()
        for _ in range(9):
            assert sign_in(client, "coordinator", "wrong-password-1").status_code == 200
        locked = sign_in(client, "coordinator", "wrong-password-1")
        assert locked.status_code == 429
        assert "waits 15 minutes" in text_of(locked)
        assert sign_in(client, "coordinator").status_code == 429
        assert "_auth_user_id" not in client.session
        assert AccessAttempt.objects.get().username == "coordinator"
        assert sign_in(client, "monitor").status_code == 302

    @override_settings(PORTAL_HELP_LINE="Trial office 020 0000 0000")
    def test_shows_the_help_line_where_one_is_set(self, world: World, client_for) -> None:
        assert "Trial office 020 0000 0000" in text_of(client_for().get("/account/login/"))

    def test_a_closed_account_is_told_so(self, world: World, client_for) -> None:
        world.coordinator.is_active = False
        world.coordinator.save()
        client = client_for()
        sign_in(client, "coordinator")
        assert "_auth_user_id" not in client.session
        assert "This account is closed" in text_of(client.get("/account/inactive/"))

    @pytest.mark.parametrize(
        "name", ["account_signup", "account_email", "account_reset_password", "account_set_password",
                 "account_request_login_code", "socialaccount_connections", "mfa_add_webauthn",
                 "mfa_download_recovery_codes"],
    )  # fmt: skip
    @pytest.mark.parametrize("door", ["web", "vault"])
    def test_the_rest_of_allauth_is_not_mounted(self, door: str, name: str) -> None:
        with standing_at_urls(door), pytest.raises(NoReverseMatch):
            reverse(name)

    def test_sign_out_asks_then_lets_the_browser_forget(self, world: World, client_for) -> None:
        client = client_for(world.coordinator)
        asked = client.get("/account/logout/")
        assert "Sign out?" in text_of(asked)
        assert "Clear-Site-Data" not in asked.headers
        gone = client.post("/account/logout/")
        assert gone.headers["Clear-Site-Data"] == '"cache", "storage"'
        assert "_auth_user_id" not in client.session


def standing_at_urls(door: str):
    return override_settings(ROOT_URLCONF="studyportal.vault_urls" if door == "vault" else "studyportal.urls")


class TestOwnAccount:
    def test_shows_roles_and_what_can_be_changed(self, world: World, client_for) -> None:
        page = text_of(client_for(world.statistician).get("/account/"))
        assert "<b>Statistician.</b> Analyses data with the treatment hidden; signs the analysis protocol" in page
        assert "API tokens" in page
        assert "API tokens" not in text_of(client_for(world.rater).get("/account/"))

    def test_works_without_any_study(self, db, client_for) -> None:
        page = client_for(make_user("newcomer")).get("/account/")
        assert page.status_code == 200
        assert "None chosen" in text_of(page)

    def test_the_password_changes_with_the_old_one_only(self, world: World, client_for) -> None:
        client = client_for(world.coordinator)
        new = {"password1": "a-new-long-password", "password2": "a-new-long-password"}
        refused = client.post("/account/password/change/", {"oldpassword": "wrong", **new})
        assert refused.status_code == 200
        world.coordinator.refresh_from_db()
        assert world.coordinator.check_password(PASSWORD)
        assert client.post("/account/password/change/", {"oldpassword": PASSWORD, **new}).status_code == 302
        world.coordinator.refresh_from_db()
        assert world.coordinator.check_password("a-new-long-password")

    def test_reauthentication_asks_for_the_password(self, world: World, client_for) -> None:
        client = client_for(world.coordinator)
        assert "Confirm that it is you" in text_of(client.get("/account/reauthenticate/"))
        wrong = client.post("/account/reauthenticate/", {"password": "wrong"})
        assert wrong.status_code == 200
        assert "error" in text_of(wrong)
        right = client.post("/account/reauthenticate/", {"password": PASSWORD, "next": "/account/"})
        assert (right.status_code, right.headers["Location"]) == (302, "/account/")


def code_now(secret: str) -> str:
    """Return the code that an authenticator app would show now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


class TestSecondFactor:
    def test_is_turned_on_asked_for_and_turned_off(self, world: World, client_for) -> None:
        client = client_for()
        sign_in(client, "coordinator")
        asked = client.get("/account/2fa/totp/activate/")
        assert asked.headers["Location"].startswith("/account/reauthenticate/")
        again = {"password": PASSWORD, "next": "/account/2fa/totp/activate/"}
        page = text_of(client.post("/account/reauthenticate/", again, follow=True))
        secret = re.search(r'class="mono">([A-Z2-7]+)<', page)[1]
        wrong = client.post("/account/2fa/totp/activate/", {"code": "000000"})
        assert wrong.status_code == 200
        assert not Authenticator.objects.exists()
        assert client.post("/account/2fa/totp/activate/", {"code": code_now(secret)}).status_code == 302
        codes = client.get("/account/2fa/recovery-codes/")
        assert "10 of 10 are left" in text_of(codes)
        recovery = re.findall(r"<li>([0-9a-z]{8,})</li>", text_of(codes))
        assert len(recovery) == 10
        assert "Authenticator app, on" in text_of(client.get("/account/2fa/"))
        client.post("/account/logout/")

        asked = sign_in(client, "coordinator")
        assert asked.headers["Location"].startswith("/account/2fa/authenticate/")
        assert "6-digit code" in text_of(client.get("/account/2fa/authenticate/"))
        assert client.post("/account/2fa/authenticate/", {"code": "000000"}).status_code == 200
        assert "_auth_user_id" not in client.session
        assert client.post("/account/2fa/authenticate/", {"code": recovery[0]}).status_code == 302
        assert client.session["_auth_user_id"] == str(world.coordinator.pk)

        again = client.post("/account/reauthenticate/", {"password": PASSWORD, "next": "/account/2fa/"})
        assert again.headers["Location"] == "/account/2fa/"
        assert "Make new recovery codes?" in text_of(client.get("/account/2fa/recovery-codes/generate/"))
        assert client.post("/account/2fa/recovery-codes/generate/").status_code == 302
        assert "Confirm that it is you" in text_of(client.get("/account/2fa/reauthenticate/"))
        assert "Turn off the second factor?" in text_of(client.get("/account/2fa/totp/deactivate/"))
        assert client.post("/account/2fa/totp/deactivate/").status_code == 302
        assert not Authenticator.objects.filter(type=Authenticator.Type.TOTP).exists()

    @pytest.mark.parametrize("door", ["web", "vault"])
    @override_settings(AXES_ENABLED=True)
    def test_ten_wrong_codes_pause_the_account_at_either_door(self, world: World, client_for, door: str) -> None:
        secret = "JBSWY3DPEHPK3PXP"
        user = world.unblinded_statistician if door == "vault" else world.coordinator
        with standing_at(door):
            TOTP.activate(user, secret)
        username = user.username
        client = client_for(door=door)
        sign_in(client, username)
        tries = [client.post("/account/2fa/authenticate/", {"code": f"{n:05d}"}) for n in range(10)]
        assert [answer.status_code for answer in tries] == [200] * 9 + [429]
        assert "waits 15 minutes" in text_of(tries[-1])
        assert client.post("/account/2fa/authenticate/", {"code": code_now(secret)}).status_code == 429
        assert "_auth_user_id" not in client.session
        assert sign_in(client_for(door=door), username).status_code == 429

    @override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3)
    def test_wrong_codes_at_reauthentication_count_too(self, world: World, client_for) -> None:
        TOTP.activate(world.statistician, "JBSWY3DPEHPK3PXP")
        client = client_for(world.statistician)
        tries = [client.post("/account/2fa/reauthenticate/", {"code": "00000"}).status_code for _ in range(4)]
        assert tries == [200, 200, 429, 429]

    @override_settings(PORTAL_REQUIRE_SECOND_FACTOR=True)
    def test_where_it_is_required_nobody_reaches_a_study_without_one(self, world: World, client_for) -> None:
        client = client_for(world.statistician)
        for path in ("/account/tokens/", "/api/v1/participants/"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["Location"]) == (302, "/account/2fa/totp/activate/")
        assert client.get("/account/").status_code == 200
        TOTP.activate(world.statistician, "JBSWY3DPEHPK3PXP")
        for path in ("/account/tokens/", "/api/v1/participants/"):
            answer = client.get(path)
            assert answer.headers["Location"] == f"/account/2fa/reauthenticate/?next={path.replace('/', '%2F')}"
        code = code_now("JBSWY3DPEHPK3PXP")
        client.post("/account/2fa/reauthenticate/", {"code": code, "next": "/account/tokens/"})
        assert client.get("/account/tokens/").status_code == 200
        assert client.get("/api/v1/participants/").status_code == 200

    @override_settings(PORTAL_REQUIRE_SECOND_FACTOR=True)
    def test_a_token_needs_none_since_it_was_made_behind_one(self, world: World, client_for) -> None:
        key = stored_token(world.statistician, world.study, "web")
        assert client_for().get("/api/v1/participants/", **bearer(key)).status_code == 200


class TestChooseStudy:
    def test_of_several_one_is_picked_and_kept(self, world: World, client_for) -> None:
        StudyMembership.objects.create(user=world.statistician, study=world.other_study, role=Role.STATISTICIAN)
        client = client_for(world.statistician)
        sent = client.get("/account/tokens/")
        assert (sent.status_code, sent.headers["Location"]) == (302, "/account/study/")
        page = client.get("/account/study/")
        assert "Crossover study XO" in text_of(page)
        assert "Crossover study YO" in text_of(page)
        picked = client.post("/account/study/", {"study": str(world.other_study.pk)})
        assert (picked.status_code, picked.headers["Location"]) == (302, "/")
        assert "Crossover study YO" in text_of(client.get("/account/tokens/"))

    @pytest.mark.parametrize("chosen", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
    def test_another_study_cannot_be_picked(self, world: World, client_for, chosen: str) -> None:
        client = client_for(world.statistician)
        for study in (chosen, str(world.other_study.pk)):
            refused = client.post("/account/study/", {"study": study})
            assert refused.status_code == 422
            assert "Choose a study." in text_of(refused)
        assert "study" not in client.session

    def test_without_a_role_the_page_says_whom_to_ask(self, db, client_for) -> None:
        page = client_for(make_user("newcomer")).get("/account/study/")
        assert "no role in a study was given" in text_of(page)


class TestTokens:
    def test_is_made_and_shown_once(self, world: World, client_for) -> None:
        client = client_for(world.statistician)
        made = client.post("/account/tokens/", {"name": "R scripts", "days": "30"})
        assert made.status_code == 200
        secret = re.search(r'value="(sp_[^"]+)"', text_of(made))[1]
        token = ApiToken.objects.get()
        assert (token.name, token.user, token.door, token.study) == (
            "R scripts",
            world.statistician,
            "web",
            world.study,
        )
        assert secret.startswith(f"sp_{token.prefix}_")
        assert token.expires_at - token.created_at == datetime.timedelta(days=30)
        listed = text_of(client.get("/account/tokens/"))
        assert secret not in listed
        assert f"sp_{token.prefix}" in listed
        assert "Works" in listed
        assert not any(secret in str(value) for value in client.session.values())

    @pytest.mark.parametrize(
        ("name", "days", "words"),
        [
            ("", "30", "Fill this in; it cannot stay empty."),
            ("  ", "30", "Fill this in; it cannot stay empty."),
            ("R scripts", "0", "from 1 to 90"),
            ("R scripts", "91", "from 1 to 90"),
            ("R scripts", "soon", "Enter a whole number"),
        ],
    )
    def test_a_wrong_answer_keeps_the_others_and_makes_nothing(self, world, client_for, name, days, words) -> None:
        refused = client_for(world.statistician).post("/account/tokens/", {"name": name, "days": days})
        assert refused.status_code == 422
        assert words in text_of(refused)
        assert f'value="{days}"' in text_of(refused)
        assert not ApiToken.objects.exists()

    @pytest.mark.parametrize("who", ["coordinator", "rater", "administrator", "monitor", "investigator"])
    def test_needs_the_right_to_export(self, world: World, client_for, who: str) -> None:
        client = client_for(world.people[who])
        assert client.get("/account/tokens/").status_code == 403
        assert client.post("/account/tokens/", {"name": "R", "days": "30"}).status_code == 403
        assert not ApiToken.objects.exists()

    def test_each_door_lists_its_own(self, world: World, client_for) -> None:
        token_for(world.unblinded_statistician, world.study, "vault")
        page = text_of(client_for(world.unblinded_statistician, door="vault").get("/account/tokens/"))
        assert "suite" in page
        assert "treatment visible" in page
        assert client_for(world.unblinded_statistician).get("/account/tokens/").status_code == 404

    def test_is_revoked_by_its_owner_only(self, world: World, client_for) -> None:
        key = token_for(world.statistician, world.study)
        prefix = key.split("_")[1]
        path = f"/account/tokens/{prefix}/revoke/"
        assert client_for(world.data_manager).post(path).status_code == 404
        assert client_for(world.statistician).get(path).status_code == 405
        assert ApiToken.objects.get().revoked_at is None
        client = client_for(world.statistician)
        answer = client.post(path, follow=True)
        assert "The token is revoked" in text_of(answer)
        assert "Revoked" in text_of(answer)
        first = ApiToken.objects.get().revoked_at
        client.post(path)
        assert ApiToken.objects.get().revoked_at == first

    def test_an_expired_one_is_shown_as_such(self, world: World, client_for) -> None:
        stored_token(world.statistician, world.study, "web", expires_at=clock.now())
        assert "Expired" in text_of(client_for(world.statistician).get("/account/tokens/"))


class TestTeam:
    def test_lists_gives_and_ends_roles(self, world: World, client_for) -> None:
        newcomer = make_user("newcomer")
        client = client_for(world.administrator)
        assert "Team of Crossover study XO" in text_of(client.get("/account/team/"))
        given = client.post("/account/team/", {"username": "newcomer", "role": "rater", "site": "01"}, follow=True)
        assert "Newcomer is now rater." in text_of(given)
        membership = newcomer.memberships.get()
        assert (membership.role, membership.site, membership.study) == ("rater", world.site, world.study)
        ended = client.post(f"/account/team/{membership.pk}/end/", follow=True)
        assert "Newcomer is no longer rater." in text_of(ended)
        membership.refresh_from_db()
        assert membership.ended_at is not None

    def test_refuses_to_mix_blinded_and_unblinded_roles_in_a_sentence(self, world: World, client_for) -> None:
        client = client_for(world.administrator)
        refused = client.post("/account/team/", {"username": "pharmacist", "role": "rater", "site": ""})
        assert refused.status_code == 422
        assert "Nobody may hold a blinded and an unblinded role" in text_of(refused)
        assert 'value="pharmacist"' in text_of(refused)
        assert world.pharmacist.memberships.count() == 1

    def test_offers_no_unblinded_role_and_ends_none(self, world: World, client_for) -> None:
        client = client_for(world.administrator)
        page = text_of(client.get("/account/team/"))
        assert "Roles with the treatment visible are given and ended by whoever runs the portal." in page
        assert 'value="pharmacist"' not in page
        held = world.pharmacist.memberships.get()
        assert f"/account/team/{held.pk}/end/" not in page
        assert client.post(f"/account/team/{held.pk}/end/").status_code == 422
        refused = client.post("/account/team/", {"username": "newcomer", "role": "pharmacist", "site": ""})
        assert refused.status_code == 422
        held.refresh_from_db()
        assert held.ended_at is None
        assert StudyMembership.objects.filter(role="pharmacist").count() == 1

    @pytest.mark.parametrize(
        ("answers", "words"),
        [
            ({"username": "nobody", "role": "rater"}, "There is no active account of this name"),
            ({"username": "rater", "role": "rater"}, "already has this role"),
            ({"username": "rater", "role": "king"}, "Choose one of the answers that are offered."),
            ({"username": "", "role": "rater"}, "Fill this in; it cannot stay empty."),
            ({"username": "rater", "role": "monitor", "site": "99"}, "Choose one of the answers that are offered."),
        ],
    )
    def test_a_wrong_answer_changes_nothing(self, world: World, client_for, answers, words: str) -> None:
        before = StudyMembership.objects.count()
        refused = client_for(world.administrator).post("/account/team/", answers)
        assert refused.status_code == 422
        assert words in text_of(refused)
        assert StudyMembership.objects.count() == before

    def test_only_the_administrator_of_the_study_manages_it(self, world: World, client_for) -> None:
        membership = world.rater.memberships.get()
        elsewhere = make_member("yo-administrator", Role.ADMINISTRATOR, world.other_study)
        assert client_for(elsewhere).post(f"/account/team/{membership.pk}/end/").status_code == 404
        for who in ("coordinator", "investigator", "monitor", "statistician"):
            client = client_for(world.people[who])
            assert client.get("/account/team/").status_code == 403
            assert client.post("/account/team/", {"username": who, "role": "rater"}).status_code == 403
            assert client.post(f"/account/team/{membership.pk}/end/").status_code == 403
        membership.refresh_from_db()
        assert membership.ended_at is None

    def test_an_administrator_cannot_end_the_own_role(self, world: World, client_for) -> None:
        membership = world.administrator.memberships.get()
        client = client_for(world.administrator)
        assert client.post(f"/account/team/{membership.pk}/end/").status_code == 422
        membership.refresh_from_db()
        assert membership.ended_at is None
