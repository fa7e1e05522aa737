"""After the signature: correction with its reason, the story of a value; and sign-in in place."""

import json
import re

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import override_settings

from ratings.models import ItemCorrection, Rating
from studyportal.accounts.models import Signature
from tests.factories import interviews, journey
from tests.factories.interviews import Interview, begun, state
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db
RIGHT = {
    "item": "3",
    "new_value": "5",
    "reason": "misheard",
    "reason_text": "Heard two for five.",
    "password": PASSWORD,
}


@pytest.fixture
def signed(world: World) -> Interview:
    journey.activate_list(world)
    session = journey.held(world, journey.randomized(world))
    assignment = journey.assigned(world, session)
    rating = journey.rated(world, assignment)
    assignment.refresh_from_db()
    return Interview(world, session, assignment, rating)


@pytest.fixture
def rater(signed: Interview, client_for):
    return client_for(signed.world.rater)


def page(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_a_correction_keeps_the_old_value_the_reason_and_the_old_signature(signed: Interview, rater) -> None:
    address = f"/ratings/{signed.code}/"
    assert "3. Inner tension (now 2)" in page(rater.get(f"{address}correct/"))
    old = signed.rating.signature
    answer = rater.post(f"{address}correct/", RIGHT)
    assert answer.url == address
    said = page(rater.get(address))
    assert "Item 3 corrected to 5 and signed again." in said
    assert "Item 3: 2 → 5" in said
    assert "Misheard or misread: Heard two for five." in said
    assert "Corrected" in said
    assert "Voided signature" in said
    old.refresh_from_db()
    assert old.void_reason == "Item 3 corrected: Heard two for five."
    assert Rating.objects.get().signature != old
    assert interviews.values(signed)[3] == 5
    story = page(rater.get(f"{address}history/"))
    assert "no score → 2" in story
    assert "2 → 5 After signing" in story
    assert story.count("SHA-256 of what was signed") == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"item": ""}, "Choose the item."),
        ({"item": "11"}, "Choose an item from 1 to 10."),
        ({"new_value": "7"}, "A score is a whole number from 0 to 6."),
        ({"new_value": "４"}, "A score is a whole number from 0 to 6."),
        ({"new_value": ""}, "Choose the right score."),
        ({"new_value": "2"}, "Item 3 is 2 already."),
        ({"reason": ""}, "Choose a reason."),
        ({"reason": "whim"}, "Choose one of the reasons offered."),
        ({"reason_text": " "}, "Say in a sentence what happened."),
        ({"reason_text": "x" * 241}, "Use at most 240 characters (241 now)."),
        ({"password": "wrong"}, "Enter your own password again."),
        ({"password": ""}, "Enter your password."),
    ],
)
def test_a_correction_that_cannot_be_changes_nothing(
    changed: dict[str, str], said: str, signed: Interview, rater
) -> None:
    before, signatures = state(signed), Signature.objects.filter(voided_at__isnull=True).count()
    posted = RIGHT | changed
    answer = rater.post(f"/ratings/{signed.code}/correct/", posted)
    assert answer.status_code == 422
    assert said in page(answer)
    html = answer.content.decode()
    assert posted["reason_text"] in html
    assert PASSWORD not in html
    assert state(signed) == before
    assert Signature.objects.filter(voided_at__isnull=True).count() == signatures


def test_a_draft_is_changed_not_corrected(world: World, client_for) -> None:
    interview = begun(world)
    interviews.answer(interview, {1: 2})
    before = state(interview)
    rater = client_for(world.rater)
    for answer in (
        rater.get(f"/ratings/{interview.code}/correct/"),
        rater.post(f"/ratings/{interview.code}/correct/", RIGHT),
    ):
        assert answer.status_code == 409
        assert "Only a signed rating is corrected" in page(answer)
    assert state(interview) == before
    assert "no score → 2" in page(rater.get(f"/ratings/{interview.code}/history/"))


def test_a_correction_of_item_10_raises_the_alert(signed: Interview, rater) -> None:
    rater.post(f"/ratings/{signed.code}/correct/", RIGHT | {"item": "10", "new_value": "6"})
    assert Rating.objects.get().safety_alert.rater_acknowledged_at is None
    assert ItemCorrection.objects.get().old_value == 1


def test_notes_and_empty_stories_are_told(world: World, client_for) -> None:
    interview = begun(world)
    rater = client_for(world.rater)
    assert "No answer was entered yet." in page(rater.get(f"/ratings/{interview.code}/history/"))
    interviews.send(rater, interview, interviews.batch(interviews.change(1, "restless", field="note")))
    interviews.send(
        rater, interview, interviews.batch(interviews.change(1, "restless", seq=2, field="note")), version='"v2"'
    )
    assert page(rater.get(f"/ratings/{interview.code}/history/")).count("no note → restless") == 1


# sign-in in place


def again(client, **said: str):
    return client.post("/ratings/again/", json.dumps(said), content_type="application/json")


def test_the_same_person_signs_in_again_and_saves(world: World, client_for) -> None:
    interview = begun(world)
    client = client_for()
    change = interviews.batch(interviews.change(1, 3))
    assert interviews.send(client, interview, change).status_code == 401
    assert client.get("/ratings/again/").json()["csrf_token"]
    answer = again(client, username="rater", password=PASSWORD, study=str(world.study.pk))
    assert answer.status_code == 200
    assert answer.json()["csrf_token"]
    assert interviews.send(client, interview, change).status_code == 200
    assert interviews.values(interview) == {1: 3}


@pytest.mark.parametrize(
    "body", ["", "[]", "{", '{"username": 3, "password": []}', "[" * 5000, '{"username": "rater"}']
)
def test_a_wrong_password_is_told_and_opens_nothing(body: str, world: World, client_for) -> None:
    client = client_for()
    for answer in (
        client.post("/ratings/again/", body, content_type="application/json"),
        again(client, username="rater", password="wrong"),
    ):
        assert answer.status_code == 401
        assert "Your answers are kept on this page" in answer.json()["detail"]
    assert client.get("/ratings/").status_code == 302


def test_the_csrf_check_stands_before_the_password(world: World, client_for) -> None:
    client = client_for(enforce_csrf_checks=True)
    assert again(client, username="rater", password=PASSWORD).status_code == 403
    token = client.get("/ratings/again/").json()["csrf_token"]
    answer = client.post(
        "/ratings/again/", json.dumps({"username": "rater", "password": PASSWORD}), content_type="application/json",
        headers={"X-CSRFToken": token},
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.json()["csrf_token"] != token


def test_the_second_factor_is_asked_for_where_there_is_one(world: World, client_for) -> None:
    secret = generate_totp_secret()
    TOTP.activate(world.rater, secret)
    client = client_for()
    first = again(client, username="rater", password=PASSWORD)
    assert (first.status_code, first.json()["needs_code"]) == (401, True)
    assert again(client, username="rater", password=PASSWORD, code="000").status_code == 401
    assert client.get("/ratings/").status_code == 302
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    assert again(client, username="rater", password=PASSWORD, code=code).status_code == 200
    assert client.get("/ratings/").status_code == 200


@override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3)
def test_wrong_passwords_are_counted_as_at_the_sign_in_page(world: World, client_for) -> None:
    client = client_for()
    statuses = [again(client, username="rater", password=f"wrong {n}").status_code for n in range(4)]
    assert statuses[-1] == 429
    assert again(client, username="rater", password=PASSWORD).status_code == 429
    assert client.get("/ratings/").status_code == 302


@override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3)
def test_wrong_codes_are_counted_as_at_the_sign_in_page(world: World, client_for) -> None:
    TOTP.activate(world.rater, generate_totp_secret())
    client = client_for()
    asked = {"username": "rater", "password": PASSWORD}
    assert [again(client, **asked, code="000").status_code for _ in range(4)] == [401, 401, 429, 429]
    assert client.get("/ratings/").status_code == 302
