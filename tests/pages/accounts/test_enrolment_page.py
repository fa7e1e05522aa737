"""Sign-in at the right door, enrolment behind a link, codes that open once, and wrong passwords at a signature."""

import datetime
import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from axes.models import AccessAttempt
from django.core.cache import cache

from studyportal import clock
from studyportal.accounts import enrolment
from studyportal.accounts.doors import NOT_ENROLLED, OTHER_DOOR
from studyportal.accounts.models import Signature, StudyMembership, User
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories.people import PASSWORD, make_user
from tests.factories.world import World
from tests.pages.accounts.test_account_pages import code_now, sign_in, text_of

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXP"
NEW = "a-new-long-password"
SIGN = "/participants/XO-001/eligibility/sign/"


def link_for(user: User) -> str:
    with standing_at("vault"):
        return f"/account/enrol/{enrolment.invite(user=user)}/"


class TestDoors:
    def test_each_account_signs_in_at_its_own_door_only(self, world: World, client_for) -> None:
        for username, door, other in (("coordinator", "web", "vault"), ("pharmacist", "vault", "web")):
            stranger = client_for(door=other)
            refused = sign_in(stranger, username)
            assert refused.status_code == 200
            assert OTHER_DOOR in text_of(refused)
            assert f'value="{username}"' in text_of(refused)
            assert "_auth_user_id" not in stranger.session
            assert sign_in(client_for(door=door), username).status_code == 302

    def test_in_place_too(self, world: World, client_for) -> None:
        client = client_for()
        said = {"username": "pharmacist", "password": PASSWORD}
        refused = client.post("/ratings/again/", said, "application/json")
        assert (refused.status_code, refused.json()["detail"]) == (401, OTHER_DOOR)
        assert "_auth_user_id" not in client.session


class TestVaultNeedsALink:
    @pytest.fixture(autouse=True)
    def _required(self, settings) -> None:
        settings.PORTAL_REQUIRE_SECOND_FACTOR = True

    def test_a_password_alone_leads_nowhere(self, world: World, client_for) -> None:
        client = client_for(door="vault")
        refused = sign_in(client, "pharmacist")
        assert NOT_ENROLLED in text_of(refused)
        assert "_auth_user_id" not in client.session
        for path in ("/account/2fa/totp/activate/", "/account/2fa/totp/deactivate/", "/account/team/"):
            assert client_for(world.pharmacist, door="vault").get(path).status_code == 404

    def test_a_session_without_second_factor_stays_outside(self, world: World, client_for) -> None:
        client = client_for(world.pharmacist, door="vault")
        assert client.get("/allocations/").headers["Location"] == "/account/login/"
        assert "_auth_user_id" not in client.session
        old = client_for(world.pharmacist, door="vault")
        with standing_at("vault"):
            TOTP.activate(world.pharmacist, SECRET)
        assert old.get("/allocations/").headers["Location"].startswith("/account/2fa/reauthenticate/?next=")
        assert old.post("/account/2fa/reauthenticate/", {"code": "000000"}).status_code == 200
        assert old.get("/allocations/").status_code == 302
        old.post("/account/2fa/reauthenticate/", {"code": code_now(SECRET), "next": "/allocations/"})
        assert old.get("/allocations/").status_code == 200

    def test_the_link_opens_the_account_and_both_factors_are_asked_for(self, world: World, client_for) -> None:
        thief = client_for(world.pharmacist, door="vault")
        path, client = link_for(world.pharmacist), client_for(door="vault")
        page = text_of(client.get(path))
        assert "Open your account" in page
        assert "Cache-Control" in client.get(path).headers
        secret = re.search(r"The key ([A-Z2-7]{32}) as", text_of(client.get(path)))[1]
        before = client.session.session_key
        done = client.post(path, {"password": NEW, "again": NEW, "code": code_now(secret)})
        assert (done.status_code, done.headers["Location"]) == (302, "/account/login/")
        assert "_auth_user_id" not in client.session
        assert client.session.session_key != before
        assert "Your account is ready" in text_of(client.get("/account/login/"))
        assert thief.get("/account/").status_code == 302, "a session from before is gone with the old password"
        assert client.get(path).status_code == 404
        assert "was used" in text_of(client.post(path, {"password": NEW, "again": NEW, "code": "000000"}))
        assert sign_in(client, "pharmacist", NEW).headers["Location"].startswith("/account/2fa/authenticate/")
        refused = client.post("/account/2fa/authenticate/", {"code": code_now(secret)})
        assert "This code was used already" in text_of(refused)
        assert "_auth_user_id" not in client.session

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"code": "000000"}, "Incorrect code"),
            ({"again": "another-long-password"}, "The two passwords differ"),
            ({"password": "short", "again": "short"}, "at least 12 characters"),
            ({"password": ""}, "password"),
        ],
    )
    def test_a_wrong_answer_uses_nothing_up(self, world: World, client_for, changed, words: str) -> None:
        path, client = link_for(world.pharmacist), client_for(door="vault")
        secret = re.search(r"The key ([A-Z2-7]{32}) as", text_of(client.get(path)))[1]
        given = {"password": NEW, "again": NEW, "code": code_now(secret)} | changed
        refused = client.post(path, given)
        assert refused.status_code == 422
        assert words in text_of(refused)
        assert secret in text_of(refused), "the key that was scanned stays"
        with standing_at("vault"):
            assert not Authenticator.objects.exists()
        assert client.get(path).status_code == 200

    def test_there_is_no_such_page_at_the_blinded_door(self, world: World, client_for) -> None:
        assert client_for().get(link_for(world.pharmacist)).status_code == 404
        assert client_for(door="vault").get("/account/enrol/nonsense/").status_code == 404


class TestACodeOpensOnce:
    @pytest.mark.parametrize("door", ["web", "vault"])
    def test_at_two_processes_too(self, world: World, client_for, door: str) -> None:
        user = world.pharmacist if door == "vault" else world.coordinator
        with standing_at(door):
            TOTP.activate(user, SECRET)
        first, second = client_for(door=door), client_for(door=door)
        sign_in(first, user.username)
        sign_in(second, user.username)
        code = code_now(SECRET)
        done = first.post("/account/2fa/authenticate/", {"code": code})
        assert (done.status_code, done.headers["Location"]) == (302, "/")
        cache.clear()  # another process's cache has never heard of the code
        refused = second.post("/account/2fa/authenticate/", {"code": code})
        assert "This code was used already" in text_of(refused)
        assert "_auth_user_id" not in second.session
        assert "_auth_user_id" in first.session

    def test_in_place_too(self, world: World, client_for) -> None:
        TOTP.activate(world.rater, SECRET)
        said = {"username": "rater", "password": PASSWORD, "code": code_now(SECRET)}
        answers = []
        for _ in range(2):
            cache.clear()
            answers.append(client_for().post("/ratings/again/", said, "application/json").status_code)
        assert answers == [200, 401]


class TestWrongPasswordsAtASignature:
    @pytest.fixture(autouse=True)
    def _answered(self, world: World, settings) -> None:
        settings.AXES_ENABLED, settings.AXES_FAILURE_LIMIT = True, 3
        participant = journey.screened(world)
        journey.record_consent(
            participant=participant, form_version="3.1", signed_on=clock.now().date(), by=world.coordinator
        )
        journey.record_eligibility(participant=participant, answers=journey.ANSWERS, by=world.coordinator)

    def test_are_counted_and_then_not_read(self, world: World, client_for) -> None:
        client = client_for(world.investigator)
        for number in range(3):
            wrong = client.post(SIGN, {"password": f"wrong-password-{number}"})
            assert wrong.status_code == 422
            assert "password" in text_of(wrong)
        assert AccessAttempt.objects.get().failures_since_start == 3
        paused = client.post(SIGN, {"password": PASSWORD})
        assert paused.status_code == 422
        assert "Too many wrong passwords. Try again in 15 minutes." in text_of(paused)
        assert not Signature.objects.exists()
        assert AccessAttempt.objects.get().failures_since_start == 3, "what is not read is not counted"

    def test_of_one_person_do_not_pause_another(self, world: World, client_for) -> None:
        other = make_user("investigator-two")
        StudyMembership.objects.create(user=other, study=world.study, role="investigator")
        first, second = client_for(world.investigator), client_for(other)
        for _ in range(4):
            first.post(SIGN, {"password": "wrong-password-1"})
        assert second.post(SIGN, {"password": PASSWORD}).status_code == 302
        assert Signature.objects.get().signer == other

    def test_are_forgotten_after_the_pause(self, world: World, client_for) -> None:
        client = client_for(world.investigator)
        for _ in range(3):
            client.post(SIGN, {"password": "wrong-password-1"})
        AccessAttempt.objects.update(attempt_time=clock.now() - datetime.timedelta(minutes=14, seconds=30))
        assert "Try again in a minute." in text_of(client.post(SIGN, {"password": PASSWORD}))
        AccessAttempt.objects.update(attempt_time=clock.now() - datetime.timedelta(minutes=16))
        assert client.post(SIGN, {"password": PASSWORD}).status_code == 302
        assert Signature.objects.get().signer == world.investigator
