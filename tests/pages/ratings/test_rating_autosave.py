"""Autosave by HTTP: what is accepted, and every refusal with its sentence and nothing changed."""

import pytest

from ratings.models import SafetyAlert
from ratings.services import signing
from studyportal import clock
from tests.factories import interviews
from tests.factories.interviews import Interview, batch, begun, change, send, state
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def interview(world: World) -> Interview:
    return begun(world)


@pytest.fixture
def rater(interview: Interview, client_for):
    return client_for(interview.world.rater)


def test_a_change_is_saved_with_the_next_version(interview: Interview, rater) -> None:
    answer = send(rater, interview, batch(change(1, 3), change(2, "text", seq=2, field="note")))
    body = answer.json()
    assert (answer.status_code, body["version"], body["accepted"]) == (200, 2, [1, 2])
    assert (body["conflicts"], body["others"], body["safety"]) == ([], [], False)
    assert len(body["saved_at"]) == 8
    assert list(interview.rating.scores.values_list("item", "value", "note")) == [(1, 3, ""), (2, None, "text")]


def test_null_and_empty_clear_an_answer(interview: Interview, rater) -> None:
    send(rater, interview, batch(change(1, 3), change(2, 4, seq=2)))
    answer = send(rater, interview, batch(change(1, None, seq=3), change(2, "", seq=4)), version='"v2"')
    assert answer.status_code == 200
    assert interviews.values(interview) == {1: None, 2: None}


def test_a_repeated_save_changes_nothing(interview: Interview, rater) -> None:
    send(rater, interview, batch(change(1, 3)))
    before = state(interview)
    answer = send(rater, interview, batch(change(1, 3)))
    assert (answer.status_code, answer.json()["version"], answer.json()["accepted"]) == (200, 2, [1])
    assert state(interview) == before


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (7, "A score is a whole number from 0 to 6, not '7'."),
        (-1, "A score is a whole number from 0 to 6, not '-1'."),
        ("４", "A score is a whole number from 0 to 6, not '４'."),
        ("4.0", "A score is a whole number from 0 to 6, not '4.0'."),
        (" 4", "A score is a whole number from 0 to 6, not ' 4'."),
        ("NaN", "A score is a whole number from 0 to 6, not 'NaN'."),
        (4.0, "A score is a whole number from 0 to 6, not 4.0."),
        (True, "A score is a whole number from 0 to 6, not true."),
        ([4], "A score is a whole number from 0 to 6, not [4]."),
        ({"a": 1}, 'A score is a whole number from 0 to 6, not {"a": 1}.'),
        (2**60, "A score is a whole number from 0 to 6, not 115292150460."),
    ],
)
def test_an_impossible_score_is_named_and_nothing_is_saved(
    value: object, said: str, interview: Interview, rater
) -> None:
    before = state(interview)
    answer = send(rater, interview, batch(change(3, 2), change(5, value, seq=2)))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"item": 5, "message": said}]
    assert state(interview) == before


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (change(11, 3), "There is no such answer on this form."),
        (change(0, 3), "There is no such answer on this form."),
        (change(1, 3, field="total"), "There is no such answer on this form."),
        (change(1, "because", field="missing_reason"), "Choose one of the reasons offered."),
        (change(1, "x" * 501, field="note"), "A note holds 500 characters; this one has 501."),
        (change(1, "a\x00b", field="note"), "The note holds a character that cannot be stored."),
        (change(1, "a\ud800b", field="note"), "The note holds a character that cannot be stored."),
    ],
)
def test_an_impossible_answer_is_named(sent: dict[str, object], said: str, interview: Interview, rater) -> None:
    before = state(interview)
    answer = send(rater, interview, batch(sent))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"item": sent["item"], "message": said}]
    assert state(interview) == before


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "null", "[]", "3", '"text"', "[" * 100_000, b"\xff\xfe", "{}", '{"client": "a"}',
        '{"client": "a", "changes": {}}', '{"client": "a", "changes": []}', '{"client": "", "changes": [{}]}',
        '{"client": "a b", "changes": [{}]}', '{"client": 3, "changes": [{}]}', '{"client": "a", "changes": [3]}',
        '{"client": "a", "changes": [{"seq": 1, "item": 1, "field": "value", "value": NaN}]}',
        '{"client": "a", "changes": [{"seq": 1, "item": 1, "field": "value", "value": 1e309}]}',
        '{"client": "a", "changes": [{"seq": 1, "item": 1, "value": 1}]}',
        '{"client": "a", "changes": [{"item": 1, "field": "value", "value": 1}]}',
        '{"client": "a", "changes": [{"seq": "1", "item": 1, "field": "value", "value": 1}]}',
        '{"client": "a", "changes": [{"seq": 0, "item": 1, "field": "value", "value": 1}]}',
        '{"client": "a", "changes": [{"seq": 2147483648, "item": 1, "field": "value", "value": 1}]}',
        '{"client": "a", "changes": [{"seq": true, "item": 1, "field": "value", "value": 1}]}',
        '{"client": "a", "changes": [{"seq": 1, "item": null, "field": "value", "value": 1}]}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_words(body: str | bytes, interview: Interview, rater) -> None:
    before = state(interview)
    answer = send(rater, interview, body)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert state(interview) == before


def test_two_changes_of_one_number_and_too_many_are_refused(interview: Interview, rater) -> None:
    before = state(interview)
    for changes in ([change(1, 2), change(2, 3)], [change(1, 2, seq=n) for n in range(1, 202)]):
        assert send(rater, interview, batch(*changes)).status_code == 422
    assert state(interview) == before


@pytest.mark.parametrize(
    ("version", "status"),
    [(None, 428), ("v1", 400), ('"1"', 400), ('"v"', 400), ('"v1e9"', 400), ('"v-1"', 400), ("*", 400), ('"v9"', 409)],
)
def test_the_version_must_be_one_that_exists(version: str | None, status: int, interview: Interview, rater) -> None:
    before = state(interview)
    answer = send(rater, interview, batch(change(1, 3)), version=version)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert state(interview) == before


def test_a_bad_browser_time_is_left_out(interview: Interview, rater) -> None:
    for seq, at in enumerate(["yesterday", None, 3, "2026-11-23T10:31:00", "2026-13-41T00:00:00Z"], 1):
        sent = change(1, seq, seq=seq) | {"at": at}
        assert send(rater, interview, batch(sent), version=f'"v{seq}"').status_code == 200
    assert set(interview.rating.draft_events.values_list("client_at", flat=True)) == {None}


def test_too_large_a_body_is_refused(interview: Interview, rater) -> None:
    before = state(interview)
    answer = send(rater, interview, " " * (256 * 1024 + 1))
    assert answer.status_code == 413
    assert state(interview) == before


def test_another_windows_value_of_the_same_item_gives_both(interview: Interview, rater) -> None:
    interviews.answer(interview, {1: 5, 2: 2}, client="other")
    before = state(interview)
    answer = send(rater, interview, batch(change(1, 3), change(4, 1, seq=2)))
    body = answer.json()
    assert answer.status_code == 412
    assert body["conflicts"] == [{"item": 1, "part": "answer", "yours": "3", "server": "5"}]
    assert body["others"] == [
        {"item": 1, "value": 5, "missing_reason": "", "note": ""},
        {"item": 2, "value": 2, "missing_reason": "", "note": ""},
    ]
    assert (body["version"], body["accepted"]) == (2, [])
    assert state(interview) == before


def test_a_score_and_another_windows_reason_are_a_conflict_too(interview: Interview, rater) -> None:
    send(rater, interview, batch(change(1, "declined", field="missing_reason"), client="other"))
    before = state(interview)
    answer = send(rater, interview, batch(change(1, 3)))
    assert answer.status_code == 412
    assert answer.json()["conflicts"] == [
        {"item": 1, "part": "answer", "yours": "3", "server": "not assessed: Participant declined"}
    ]
    assert state(interview) == before


def test_another_windows_item_comes_with_the_reply(interview: Interview, rater) -> None:
    interviews.answer(interview, {1: 5}, client="other")
    answer = send(rater, interview, batch(change(2, 3)))
    assert answer.status_code == 200
    assert answer.json()["others"] == [{"item": 1, "value": 5, "missing_reason": "", "note": ""}]
    assert interviews.values(interview) == {1: 5, 2: 3}


def test_a_signed_rating_is_not_changed_by_autosave(interview: Interview, rater) -> None:
    version = interviews.answer(interview, dict.fromkeys(range(1, 11), 2))
    signing.sign(
        rating=interview.rating, known_version=version, ended_at=clock.now(), source="during", password=PASSWORD,
        by=interview.world.rater,
    )  # fmt: skip
    before = state(interview)
    answer = send(rater, interview, batch(change(1, 6, seq=99)), version=f'"v{version}"')
    assert answer.status_code == 409
    assert answer.json()["code"] == "signed"
    assert "Correct a score" in answer.json()["detail"]
    assert state(interview) == before


def test_another_raters_code_does_not_exist(interview: Interview, client_for) -> None:
    before = state(interview)
    answer = send(client_for(interview.world.second_rater), interview, batch(change(1, 3)))
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("This rating is not on your list")
    assert state(interview) == before


def test_who_is_no_rater_is_refused_in_json(interview: Interview, client_for) -> None:
    before = state(interview)
    answer = send(client_for(interview.world.coordinator), interview, batch(change(1, 3)))
    assert answer.status_code == 403
    assert "enter rating" in answer.json()["detail"]
    assert state(interview) == before


def test_an_ended_session_is_told_so_in_json(interview: Interview, client_for) -> None:
    before = state(interview)
    answer = send(client_for(), interview, batch(change(1, 3)))
    assert (answer.status_code, answer.json()["detail"]) == (401, "Your session ended. Sign in again to save.")
    assert state(interview) == before


def test_only_post_is_answered(interview: Interview, rater) -> None:
    assert rater.get(f"/ratings/{interview.code}/changes/").status_code == 405


def test_an_interview_that_has_not_begun_has_nothing_to_save(world: World, client_for) -> None:
    interview = begun(world)
    other = interviews.journey.assigned(world, interview.session, "day_1")
    answer = client_for(world.rater).post(
        f"/ratings/{other.code}/changes/", batch(change(1, 3)), content_type="application/json",
        headers={"If-Match": '"v1"'},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["detail"]) == (
        409, "The interview has not begun. Start it from your list.",
    )  # fmt: skip


def test_item_10_at_the_threshold_raises_the_alert_and_says_so(
    interview: Interview, rater, mailoutbox, django_capture_on_commit_callbacks
) -> None:
    send(rater, interview, batch(change(10, 3)))
    assert not SafetyAlert.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        answer = send(rater, interview, batch(change(10, 4, seq=2)), version='"v2"')
    assert answer.json()["safety"] is True
    (mail,) = mailoutbox
    assert mail.to == ["investigator@example.org"]
    text = mail.subject + mail.body
    assert interview.session.participant.number not in text
    assert not any(character.isdigit() for character in text)
    for person in interview.world.people.values():
        assert person.full_name not in text
    lowered = send(rater, interview, batch(change(10, 0, seq=3)), version='"v3"')
    assert lowered.json()["safety"] is True
    repeated = send(rater, interview, batch(change(10, 0, seq=3)), version='"v4"')
    assert repeated.json()["safety"] is True
    assert SafetyAlert.objects.count() == 1
