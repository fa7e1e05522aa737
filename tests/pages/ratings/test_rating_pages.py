"""The rater's pages: list, start, form, review and signature, with every refusal and what stays as it was."""

import datetime
import re

import pytest
import time_machine

from ratings.models import Rating, RatingAssignment, SafetyAlert
from ratings.services import assignment as assignments
from sessions.services import safety
from studyportal import clock
from tests.factories import interviews, journey
from tests.factories.interviews import Interview, begun, state
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db
COMPLETE = dict.fromkeys(range(1, 11), 2)


@pytest.fixture
def interview(world: World) -> Interview:
    return begun(world)


@pytest.fixture
def rater(interview: Interview, client_for):
    return client_for(interview.world.rater)


def page(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def form(interview: Interview, **changed: str) -> dict[str, str]:
    """Return what a browser without JavaScript would post from the page as the server has it."""
    rating = Rating.objects.get(pk=interview.rating.pk)
    posted = {"version": str(rating.version), "client": "page-1", "source": "during", "ended_at": ""}
    for item in range(1, 11):
        posted |= {f"item{item}_missing_reason": "", f"item{item}_note": ""}
    for score in rating.scores.all():
        if score.value is not None:
            posted[f"item{score.item}_value"] = str(score.value)
        posted |= {f"item{score.item}_missing_reason": score.missing_reason, f"item{score.item}_note": score.note}
    return posted | changed


def signing(interview: Interview, **changed: str) -> dict[str, str]:
    ended = clock.local(clock.now(), "Europe/London").strftime("%H:%M")
    return form(interview, **({"ended_at": ended, "password": PASSWORD} | changed))


def post(client, interview: Interview, act: str, posted: dict[str, str], **kwargs):
    return client.post(f"/ratings/{interview.code}/{act}/", posted, **kwargs)


# the worklist


def test_the_worklist_shows_what_is_due_in_words(world: World, client_for) -> None:
    interview = begun(world)
    later = journey.assigned(world, interview.session, "day_1")
    said = page(client_for(world.rater).get("/ratings/"))
    assert "Under way" in said
    assert f"code {interview.code}" in said
    assert interview.session.participant.number in said
    assert "Within 24 hours" in said
    assert f"code {later.code}" in said
    assert "Opens" in said


def test_every_state_has_its_group(world: World, client_for) -> None:
    journey.activate_list(world)
    session = journey.held(world, journey.randomized(world))
    assigned = journey.assigned(world, session, "day_1")
    infusion = session.doses.get(planned__kind="infusion").started_at
    expected = {10: "Within 24 hours", 21: "Open now", 27: "Closing soon", 40: "Window missed"}
    for hours, title in expected.items():
        with time_machine.travel(infusion + datetime.timedelta(hours=hours)):
            said = page(client_for(world.rater).get("/ratings/"))
            assert title in said
            assert assigned.code in said


def test_a_planned_session_waits_for_its_day_or_for_a_date(world: World, client_for) -> None:
    journey.activate_list(world)
    session = journey.randomized(world).sessions.get(period__number=1)
    journey.assigned(world, session)
    assert "Waiting for a date" in page(client_for(world.rater).get("/ratings/"))
    session.planned_at = clock.now() + datetime.timedelta(days=9)
    session.save()
    said = page(client_for(world.rater).get("/ratings/"))
    assert "Later" in said
    assert "in 7 days" in said


def test_an_empty_worklist_says_so_and_others_do_not_have_one(world: World, client_for) -> None:
    assert "Nothing waits for you." in page(client_for(world.second_rater).get("/ratings/"))
    assert client_for(world.coordinator).get("/ratings/").status_code == 403
    assert client_for().get("/ratings/").status_code == 302


# the start


@pytest.fixture
def assignment(world: World) -> RatingAssignment:
    journey.activate_list(world)
    return journey.assigned(world, journey.held(world, journey.randomized(world)))


def test_the_start_asks_once_and_begins_at_the_servers_time(
    world: World, assignment: RatingAssignment, client_for
) -> None:
    rater = client_for(world.rater)
    address = f"/ratings/{assignment.code}/"
    assert rater.get(address).url == f"{address}start/"
    assert "How will the scores reach this form?" in page(rater.get(f"{address}start/"))
    before = clock.now()
    assert rater.post(f"{address}start/", {"source": "during"}).url == address
    rating = Rating.objects.get()
    assert before <= rating.started_at <= clock.now()
    assert rating.source == "during"
    assert rater.get(f"{address}start/").url == address
    assert rater.post(f"{address}start/", {"source": "paper"}).url == address
    assert Rating.objects.get().source == "during"


def test_paper_brings_its_own_time(world: World, assignment: RatingAssignment, client_for) -> None:
    held = clock.local(clock.now() - datetime.timedelta(hours=3), "Europe/London").replace(second=0, microsecond=0)
    said = {"source": "paper", "started_day": f"{held:%d %b %Y}", "started_time": f"{held:%H:%M}"}
    client_for(world.rater).post(f"/ratings/{assignment.code}/start/", said)
    assert Rating.objects.get().started_at == held


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({}, "Say whether you enter the scores during the interview or copy them from paper."),
        ({"source": "memory"}, "Choose one of the two."),
        ({"source": "paper"}, "Enter the day on which the interview was held."),
        ({"source": "paper", "started_day": "soon"}, "Enter the day as 23 Nov 2026."),
        (
            {"source": "paper", "started_day": "1 Jan 2090", "started_time": "10:00"},
            "cannot have started in the future",
        ),
        ({"source": "paper", "started_day": "1 Jan 2020", "started_time": "10:00"}, "more than 31 days ago"),
        ({"source": "paper", "started_day": "23 Nov 2026", "started_time": "noon"}, "as 10:52, not “noon”"),
    ],
)
def test_a_start_that_cannot_be_is_refused(
    said: dict[str, str], sentence: str, world: World, assignment: RatingAssignment, client_for
) -> None:
    answer = client_for(world.rater).post(f"/ratings/{assignment.code}/start/", said)
    assert answer.status_code == 422
    assert sentence in page(answer)
    assert said.get("started_day", "") in answer.content.decode()
    assert not Rating.objects.exists()


def test_a_window_that_is_not_open_is_said_before_the_start(
    world: World, assignment: RatingAssignment, client_for
) -> None:
    later = journey.assigned(world, assignment.session, "day_1")
    said = page(client_for(world.rater).get(f"/ratings/{later.code}/start/"))
    assert "The window is not open now." in said


def test_who_got_to_know_of_the_session_is_refused_at_the_start(
    world: World, assignment: RatingAssignment, client_for
) -> None:
    assignment.session.doses.update(given_by=world.rater)
    rater = client_for(world.rater)
    said = page(rater.get(f"/ratings/{assignment.code}/start/"))
    assert "You cannot rate this session" in said
    assert "Rater gave a dose in this session" in said
    assert "Second Rater" in said
    answer = rater.post(f"/ratings/{assignment.code}/start/", {"source": "during"})
    assert answer.status_code == 409
    assert "Who can: Second Rater" in page(answer)
    assert not Rating.objects.exists()
    assignment.refresh_from_db()
    assert assignment.status == "assigned"


def test_a_cancelled_or_anothers_code_does_not_exist(world: World, assignment: RatingAssignment, client_for) -> None:
    second = client_for(world.second_rater)
    for address in ("", "start/", "history/", "correct/"):
        assert second.get(f"/ratings/{assignment.code}/{address}").status_code == 404
    for act in ("start", "save", "sign", "correct"):
        assert second.post(f"/ratings/{assignment.code}/{act}/", {}).status_code == 404
    assignments.cancel(assignment=assignment, by=world.coordinator)
    assert client_for(world.rater).get(f"/ratings/{assignment.code}/").status_code == 404
    assert client_for(world.rater).get("/ratings/nosuchcode/").status_code == 404


# the form


def test_the_form_shows_ten_items_seven_scores_and_no_total(interview: Interview, rater) -> None:
    interviews.answer(interview, {**COMPLETE, 3: 0})
    answer = rater.get(f"/ratings/{interview.code}/")
    html = answer.content.decode()
    assert html.count("<fieldset") == 10
    assert html.count('type="radio"') == 70
    assert html.count(" checked>") == 10
    assert 'name="item3_value" value="0" data-field="value" checked' in html
    assert "Placeholder wording" in html
    assert "Earlier ratings hidden" in html
    assert "otal" not in re.sub(r"data-\w+", "", html)
    assert ">18<" not in html


def test_the_rater_sees_nothing_of_the_session_or_earlier_ratings(world: World, client_for) -> None:
    interview = begun(world)
    interviews.answer(interview, {**COMPLETE, 1: 5})
    note = {"term": "Dissociation and nausea", "severity": "mild", "is_serious": False, "ended_at": None}
    safety.report_adverse_event(session=interview.session, started_at=clock.now(), by=world.coordinator, **note)
    rater = client_for(world.rater)
    post(rater, interview, "sign", signing(interview))
    day_1 = interviews.begun_for(world, interview.session, timepoint="day_1")
    pages = [rater.get(f"/ratings/{code}/").content.decode() for code in (day_1.code, interview.code)]
    pages.append(rater.get("/ratings/").content.decode())
    assert " checked>" not in pages[0]
    assert "hidden until" in pages[1]
    for html in pages:
        assert "Dissociation" not in html
        assert "<b>5</b>" not in html
    for hidden in ("history", "correct"):
        answer = rater.get(f"/ratings/{interview.code}/{hidden}/")
        assert answer.status_code == 403
        assert "are hidden until MADRS day 1 is signed" in page(answer)
    assert "scores hidden until MADRS day 1 is signed" in page(rater.get("/ratings/"))
    for other in (
        "/participants/",
        f"/participants/{interview.session.participant.number}/",
        "/ratings/plan/",
        "/ratings/alerts/",
    ):
        assert rater.get(other).status_code == 404


# saving without JavaScript


def test_the_plain_form_saves_and_leaves(interview: Interview, rater) -> None:
    posted = form(interview, item1_value="3", item2_missing_reason="other", item2_note="asleep\r\nagain")
    answer = post(rater, interview, "save", posted)
    assert answer.url == "/ratings/"
    assert list(interview.rating.scores.values_list("item", "value", "missing_reason", "note")) == [
        (1, 3, "", ""), (2, None, "other", "asleep\nagain"),
    ]  # fmt: skip
    before = state(interview)
    assert post(rater, interview, "save", posted).status_code == 302
    assert state(interview) == before


def test_a_new_reason_takes_the_scores_place_and_a_new_score_the_reasons(interview: Interview, rater) -> None:
    interviews.answer(interview, {1: 3})
    post(rater, interview, "save", form(interview, item1_missing_reason="declined"))
    assert interview.rating.scores.get(item=1).answer.words("answer") == "not assessed: Participant declined"
    post(rater, interview, "save", form(interview, item1_value="2"))
    assert interview.rating.scores.get(item=1).answer.words("answer") == "2"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"item3_value": "7"}, "A score is a whole number from 0 to 6, not &#x27;7&#x27;."),
        ({"item3_value": "４"}, "A score is a whole number from 0 to 6, not &#x27;４&#x27;."),
        ({"item3_value": "NaN"}, "A score is a whole number from 0 to 6"),
        ({"item3_value": "2", "item3_missing_reason": "declined"}, "Item 3 has a score and a reason"),
        ({"item3_missing_reason": "bored"}, "Choose one of the reasons offered."),
        ({"item3_note": "n" * 501}, "A note holds 500 characters; this one has 501."),
        ({"item3_note": "a\x00b"}, "The note holds a character that cannot be stored."),
        ({"version": ""}, "This page is out of date."),
        ({"version": "９"}, "This page is out of date."),
        ({"version": "99"}, "This page is out of date."),
    ],
)
def test_what_cannot_be_saved_stays_on_the_page(
    changed: dict[str, str], said: str, interview: Interview, rater
) -> None:
    before = state(interview)
    for act in ("save", "sign"):
        answer = post(rater, interview, act, signing(interview, item8_note="typed and kept", **changed))
        assert answer.status_code == 422
        html = answer.content.decode()
        assert said in html
        if "version" not in changed:
            assert "typed and kept" in html
            assert changed.get("item3_note", "") in html
        assert state(interview) == before


def test_an_item_that_was_not_sent_is_as_it_was(interview: Interview, rater) -> None:
    interviews.answer(interview, {1: 3})
    post(rater, interview, "save", {"version": "2", "client": "x", "item2_value": "1"})
    assert interviews.values(interview) == {1: 3, 2: 1}


def test_another_windows_value_is_shown_beside_the_typed_one(interview: Interview, rater) -> None:
    posted = form(interview, item1_value="3", item2_value="1")
    interviews.answer(interview, {1: 5, 4: 6})
    before = state(interview)
    answer = post(rater, interview, "save", posted)
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "Item 1: another window has “5”, this page “3”." in html
    assert 'name="item1_value" value="3" data-field="value" checked' in html
    assert 'name="item4_value" value="6" data-field="value" checked' in html
    assert state(interview) == before
    again = post(rater, interview, "save", posted | {"version": "2", "item4_value": "6"})
    assert again.status_code == 302
    assert interviews.values(interview) == {1: 3, 2: 1, 4: 6}


# review and signature


def test_a_complete_rating_is_signed_and_shown_with_its_signature(interview: Interview, rater) -> None:
    interviews.answer(interview, COMPLETE)
    answer = post(rater, interview, "sign", signing(interview, item4_note="slept in the afternoon"))
    assert answer.url == f"/ratings/{interview.code}/"
    rating = Rating.objects.get()
    html = rater.get(answer.url).content.decode()
    for shown in (
        "Printed name</dt><dd>Rater<", "I conducted this interview and these are my scores.", " UTC)",
        rating.signature.content_sha256, rating.pack.sha256, "slept in the afternoon",
    ):  # fmt: skip
        assert shown in html
    assert ">20<" not in html
    assert "otal" not in html
    assert RatingAssignment.objects.get().status == "signed"
    assert "Signed" in page(rater.get("/ratings/"))


def test_a_second_submit_changes_nothing(interview: Interview, rater) -> None:
    interviews.answer(interview, COMPLETE)
    posted = signing(interview)
    post(rater, interview, "sign", posted)
    before = state(interview)
    answer = post(rater, interview, "sign", posted, follow=True)
    assert "signed already; nothing was changed" in page(answer)
    assert state(interview) == before
    assert post(rater, interview, "save", posted | {"item1_value": "6"}).status_code == 409
    assert state(interview) == before


def test_an_unanswered_item_is_named(interview: Interview, rater) -> None:
    interviews.answer(interview, dict.fromkeys(range(1, 9), 2))
    post(rater, interview, "save", form(interview, item9_missing_reason="other"))
    before = state(interview)
    answer = post(rater, interview, "sign", signing(interview))
    assert answer.status_code == 422
    assert "Explain in the note why item 9 was not assessed." in page(answer)
    assert "Score item 10, or say why it was not assessed." in page(answer)
    assert state(interview) == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"password": "wrong"}, "Enter your own password again."),
        ({"password": ""}, "Enter your password."),
        ({"password": "p" * 257}, "Ensure this value has at most 256 characters"),
        ({"ended_at": ""}, "Enter the time on a 24-hour clock, as 10:52."),
        ({"ended_at": "later"}, "Enter the time on a 24-hour clock, as 10:52, not “later”."),
        ({"ended_at": "x" * 40}, "Ensure this value has at most 12 characters"),
        ({"source": ""}, "Say whether the scores were entered during the interview or copied from paper."),
        ({"source": "dream"}, "Choose one of the two."),
    ],
)
def test_a_signature_that_cannot_be_given_leaves_the_draft(
    changed: dict[str, str], said: str, interview: Interview, rater
) -> None:
    interviews.answer(interview, COMPLETE)
    before = state(interview)
    answer = post(rater, interview, "sign", signing(interview, **changed))
    html = answer.content.decode()
    assert answer.status_code == 422
    assert said in html
    assert "data-reopen" in html
    assert PASSWORD not in html
    assert html.count(" checked>") == 10
    assert state(interview) == before


def test_an_interview_may_go_past_midnight_but_not_end_before_it_starts(world: World, client_for) -> None:
    interview = begun(world)
    interviews.answer(interview, COMPLETE)
    start = datetime.datetime(2027, 1, 10, 23, 40, tzinfo=datetime.UTC)
    Rating.objects.update(started_at=start)
    with time_machine.travel(start + datetime.timedelta(minutes=50)):
        rater = client_for(world.rater)
        before = state(interview)
        answer = post(rater, interview, "sign", signing(interview, ended_at="23:10"))
        assert answer.status_code == 422
        assert "The interview started at 23:40 GMT; it cannot end before that" in page(answer)
        assert state(interview) == before
        post(rater, interview, "sign", signing(interview, ended_at="00:25"))
    assert Rating.objects.get().ended_at == start + datetime.timedelta(minutes=45)


def test_item_10_blocks_the_signature_until_the_safety_step_is_confirmed(interview: Interview, rater) -> None:
    interviews.answer(interview, {**COMPLETE, 10: 4})
    before = state(interview)
    answer = post(rater, interview, "sign", signing(interview))
    assert answer.status_code == 409
    assert "Item 10 asks for the safety step. Confirm it in the review, then sign." in page(answer)
    assert state(interview) == before
    wrong = post(rater, interview, "sign", signing(interview, safety_started="on", password="wrong"))
    assert wrong.status_code == 422
    assert 'id="ack" name="safety_started" checked' in wrong.content.decode()
    assert SafetyAlert.objects.get().rater_acknowledged_at is None
    post(rater, interview, "sign", signing(interview, safety_started="on"))
    assert SafetyAlert.objects.get().rater_acknowledged_at is not None
    assert Rating.objects.get().status == "signed"


def test_what_another_window_wrote_is_looked_at_before_signing(interview: Interview, rater) -> None:
    interviews.answer(interview, COMPLETE)
    posted = signing(interview)
    interviews.answer(interview, {2: 6}, client="other")
    before = state(interview)
    answer = post(rater, interview, "sign", posted)
    assert answer.status_code == 409
    assert "Item 2 was changed in another window. Look at it, then sign." in page(answer)
    assert state(interview) == before


def test_a_rating_outside_its_window_is_signed_with_a_deviation(world: World, client_for) -> None:
    interview = begun(world, timepoint="day_1")
    interviews.answer(interview, COMPLETE)
    post(client_for(world.rater), interview, "sign", signing(interview))
    (deviation,) = interview.session.deviations.filter(code="rating_window")
    assert deviation.description == "MADRS day 1 was rated outside its window."


def test_the_form_needs_few_queries_and_bytes(interview: Interview, rater, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(30):
        answer = rater.get(f"/ratings/{interview.code}/")
    assert len(answer.content) < 45_000
