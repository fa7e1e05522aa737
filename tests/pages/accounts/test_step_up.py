"""Acts that open the secret ask for a fresh second factor; what was asked for or typed is not lost."""

import re
import time
from html import unescape

import pytest
from allauth.account.internal.userkit import user_id_to_str
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import override_settings

from sessions.allocation.models import RandomizationList
from studyportal.accounts.models import User
from studyportal.accounts.step_up import is_asked_for
from studyportal.audit.models import Event
from studyportal.studies.models import Study
from tests.conftest import DoorClient, standing_at
from tests.factories import journey
from tests.factories.people import PASSWORD
from tests.factories.pulls import WHY
from tests.factories.world import World

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXP"
RECORDS = "account_authentication_methods"
TYPED = {"reason": "The end, by the board's <call>"}
ANNOUNCE = "/lists/reveal/announce/"
REPORT = "/report/?from=start"


@pytest.fixture(autouse=True)
def _with_second_factor():
    with override_settings(PORTAL_REQUIRE_SECOND_FACTOR=True):
        yield


def shown(client: DoorClient, seconds_ago: float) -> DoorClient:
    """Let the sign-in have shown its second factor so long ago."""
    with standing_at("vault"):
        session = client.session
        session[RECORDS] = [{"method": "mfa", "at": time.time() - seconds_ago, "type": "totp"}]
        session[f"{RECORDS}_user"] = user_id_to_str(User.objects.get(pk=session["_auth_user_id"]))
        session.save()
    return client


def signed_in(client_for, user: User, seconds_ago: float) -> DoorClient:
    with standing_at("vault"):
        TOTP.activate(user, SECRET)
    return shown(client_for(user, "vault"), seconds_ago)


def code_now() -> str:
    return format_hotp_value(hotp_value(SECRET, next(iter(yield_hotp_counters_from_time()))))


def opened() -> int:
    with standing_at("vault"):
        names = ("full reveal announced", "sequences revealed", "list examined", "unblinded data pulled")
        return Event.objects.filter(name__in=names).count()


def randomized(world: World) -> None:
    """Randomize one participant; the people who act there hold no authenticator, and are asked for none."""
    with override_settings(PORTAL_REQUIRE_SECOND_FACTOR=False):
        journey.activate_list(world)
        journey.randomized(world)


def kept(page: str) -> dict[str, str]:
    """Return what the page would send again."""
    return {
        unescape(name): unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
        if name != "csrfmiddlewaretoken"
    }


@pytest.mark.parametrize("path", [REPORT, "/report/figures/madrs.csv", "/account/tokens/", "/deducible/"])
def test_a_page_leads_through_the_confirmation_and_back(world: World, client_for, path: str) -> None:
    randomized(world)
    client, before = signed_in(client_for, world.unblinded_statistician, 301), opened()
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/2fa/reauthenticate/?next=")
    assert opened() == before
    back = client.post(answer["Location"], {"code": code_now()})
    assert (back.status_code, back["Location"]) == (302, path)
    assert client.get(path).status_code == 200


def test_a_fresh_second_factor_is_not_asked_for_again(world: World, client_for) -> None:
    client = signed_in(client_for, world.unblinded_statistician, 290)
    assert client.get("/account/tokens/").status_code == 200


def test_a_password_alone_does_not_count(world: World, client_for) -> None:
    client = signed_in(client_for, world.unblinded_statistician, 400)
    with standing_at("vault"):
        session = client.session
        session[RECORDS] = [*session[RECORDS], {"method": "password", "at": time.time()}]
        session.save()
    assert client.get("/account/tokens/").status_code == 302


def test_a_form_is_kept_but_for_the_password_and_sent_again_with_the_code(world: World, client_for) -> None:
    randomized(world)
    Study.objects.filter(pk=world.study.pk).update(status=Study.Status.LOCKED)
    client, before = signed_in(client_for, world.pharmacist, 301), opened()
    answer = client.post(ANNOUNCE, {**TYPED, "password": PASSWORD})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Confirm that it is you" in page
    assert kept(page) == TYPED
    assert PASSWORD not in page
    assert 'type="password" name="password"' in page
    assert f'action="{ANNOUNCE}"' in page
    assert opened() == before
    wrong = client.post(ANNOUNCE, {**kept(page), "password": PASSWORD, "confirm-code": "000000"})
    assert wrong.status_code == 422
    assert kept(wrong.content.decode()) == TYPED
    assert opened() == before
    done = client.post(ANNOUNCE, {**kept(page), "password": PASSWORD, "confirm-code": code_now()})
    assert (done.status_code, done["Location"]) == (302, "/lists/reveal/")
    assert opened() > before


def test_approval_and_examination_ask(world: World, client_for) -> None:
    journey.activate_list(world)
    with standing_at("vault"):
        made = RandomizationList.objects.get()
    client, before = signed_in(client_for, world.pharmacist, 301), opened()
    assert client.get(f"/lists/{made.pk}/").status_code == 302
    for act in ("approve", "close"):
        answer = client.post(f"/lists/{made.pk}/{act}/", {"password": PASSWORD, "reason": "Enough"})
        assert answer.status_code == 403
        assert kept(answer.content.decode()) == {"reason": "Enough"}
    assert opened() == before
    with standing_at("vault"):
        made.refresh_from_db()
    assert made.state == "active"


def test_a_script_of_a_page_that_stayed_open_is_told(world: World, client_for) -> None:
    client = signed_in(client_for, world.unblinded_statistician, 301)
    answer = client.get("/report/figures/madrs.json", headers={"Sec-Fetch-Dest": "empty"})
    assert answer.status_code == 403
    assert answer.json()["detail"].startswith("Confirm that it is you first")


def test_the_tables_ask_those_who_come_with_a_sign_in(world: World, client_for) -> None:
    journey.activate_list(world)
    client, before = signed_in(client_for, world.unblinded_statistician, 301), opened()
    answer = client.get("/api/v1/participants/", WHY)
    assert answer.status_code == 403
    assert "Confirm that it is you first" in answer.content.decode()
    assert opened() == before
    assert shown(client, 10).get("/api/v1/participants/", WHY).status_code == 200


def test_strangers_are_not_asked_but_refused(world: World, client_for) -> None:
    client = signed_in(client_for, world.pharmacist, 301)
    assert client.get("/report/").status_code == 403


def test_a_file_is_not_kept_and_the_page_says_so(world: World, client_for) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    client = signed_in(client_for, world.pharmacist, 301)
    sent = {**TYPED, "file": SimpleUploadedFile("list.csv", b"1")}
    page = client.post(ANNOUNCE, sent).content.decode()
    assert "Files are not kept" in page
    assert f"/account/2fa/reauthenticate/?next={ANNOUNCE}" in page


def test_the_blinded_door_asks_nobody(world: World) -> None:
    assert not is_asked_for()
    with standing_at("vault"):
        assert is_asked_for()
