"""The session's page and every act on it, and the randomization wizard."""

import datetime
import re
import uuid
from collections.abc import Iterator

import pytest

from participants.models import Participant
from participants.services.withdrawal import withdraw
from sessions.models import AdverseEvent, Dose, StudySession
from studyportal import clock
from tests.factories import journey
from tests.factories.mailing import delivered
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
HERE = "/participants/XO-001/sessions/1/"
RANDOMIZE, RECEIPT = "/participants/XO-001/randomize/", "/participants/XO-001/randomization/"


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def participant(world: World) -> Participant:
    journey.activate_list(world)
    return journey.randomized(world)


def page(response) -> str:
    return response.content.decode()


def at(name: str, time: str, day: str = "25", month: str = "11", year: str = "2026") -> dict[str, str]:
    return {f"{name}_0": day, f"{name}_1": month, f"{name}_2": year, f"{name}_3": time}


def first() -> StudySession:
    return StudySession.objects.get(period__number=1)


# The session


def test_a_session_is_planned_started_dosed_and_completed(world: World, client_for, participant: Participant) -> None:
    client = client_for(world.coordinator)
    assert client.post(f"{HERE}schedule/", at("planned_at", "15:00")).url == HERE
    assert "25 Nov 2026, 15:00 GMT" in page(client.get(HERE))
    assert "The session has begun." in page(client.post(f"{HERE}start/", at("started_at", "08:00"), follow=True))
    capsule = client.post(f"{HERE}doses/pretreatment/", at("started_at", "08:15"), follow=True)
    assert "Pretreatment capsule is recorded." in page(capsule)
    begun = {**at("started_at", "09:00"), **at("ended_at", "")}
    assert "running" in page(client.post(f"{HERE}doses/infusion/", begun, follow=True))
    ended = client.post(f"{HERE}doses/infusion/", at("ended_at", "09:40"), follow=True)
    assert "Ketamine infusion: ended." in page(ended)
    event = {"term": "Nausea", "severity": "mild", **at("started_at", "09:10"), **at("ended_at", "")}
    assert "Nausea" in page(client.post(f"{HERE}adverse-events/", event, follow=True))
    assert "The session is completed." in page(
        client.post(f"{HERE}complete/", at("completed_at", "11:00"), follow=True)
    )
    session = first()
    assert (session.status, session.started_at.hour, session.completed_at.hour) == ("completed", 8, 11)
    assert [(d.started_at.minute, d.ended_at and d.ended_at.minute) for d in Dose.objects.all()] == [
        (15, None),
        (0, 40),
    ]
    assert AdverseEvent.objects.get().is_serious is False
    assert not session.deviations.exists()


@pytest.mark.parametrize(
    ("tail", "given", "said"),
    [
        ("schedule/", at("planned_at", "10:00", day="24"), "This day is over. Enter today or a later day."),
        ("schedule/", at("planned_at", "ten"), "Write the time as hours and minutes"),
        ("schedule/", at("planned_at", "01:30", "28", "3", "2027"), "01:30 does not exist on 28 Mar 2027"),
        ("start/", at("started_at", "01:30", "25", "10"), "Write 01:30 BST or 01:30 GMT."),
        ("start/", at("started_at", "13:00"), "Enter the actual time, not a later one."),
        ("start/", at("started_at", ""), "Enter the time."),
        ("missed/", {"reason": ""}, "Enter the reason in a few words."),
        ("doses/infusion/", {**at("started_at", "09:00"), **at("ended_at", "")}, "while the session is in progress"),
        ("complete/", at("completed_at", "09:00"), "Only a session in progress can be completed."),
        ("adverse-events/", {"term": "", **at("started_at", "09:00")}, "Say what happened in a few words."),
    ],
)  # fmt: skip
def test_refusals_show_the_same_page_with_what_was_typed(
    world: World, client_for, participant: Participant, tail: str, given: dict[str, str], said: str
) -> None:
    response = client_for(world.coordinator).post(f"{HERE}{tail}", given)
    assert response.status_code == 422
    assert said in page(response)
    assert "There is a problem" in page(response)
    session = first()
    assert (session.status, session.planned_at, session.started_at) == ("planned", None, None)
    assert not Dose.objects.exists()
    assert not AdverseEvent.objects.exists()


def test_what_was_typed_stays_in_the_form(world: World, client_for, participant: Participant) -> None:
    response = client_for(world.coordinator).post(f"{HERE}start/", at("started_at", "1o:30", day="24"))
    assert 'value="1o:30"' in page(response)
    assert 'id="start_started_at_0"' in page(response)
    assert 'href="#start_started_at_0"' in page(response)


def test_a_washout_too_short_is_said_in_days(world: World, client_for, participant: Participant) -> None:
    journey.held(world, participant)
    client = client_for(world.coordinator)
    second = "/participants/XO-001/sessions/2/"
    response = client.post(f"{second}schedule/", at("planned_at", "10:00", "1", "12"))
    assert response.status_code == 422
    assert "6 days after the last infusion; washout needs 14" in page(response) or "Enter 9 Dec 2026" in page(response)
    assert "Enter 9 Dec 2026, 09:00 GMT or later." in page(response)
    client.post(f"{second}schedule/", at("planned_at", "10:00", "13", "12"))
    assert "18 days after the last infusion; washout needs 14" in page(client.get(second))


def test_a_missed_session_says_why(world: World, client_for, participant: Participant) -> None:
    client = client_for(world.coordinator)
    shown = page(client.post(f"{HERE}missed/", {"reason": "Influenza"}, follow=True))
    assert "The session is marked missed." in shown
    assert "The session was missed: Influenza" in shown
    assert client.post(f"{HERE}start/", at("started_at", "09:00")).status_code == 422
    assert first().status == "missed"


def test_a_dose_that_the_protocol_does_not_have_is_not_found(
    world: World, client_for, participant: Participant
) -> None:
    assert client_for(world.coordinator).post(f"{HERE}doses/sweets/", at("started_at", "09:00")).status_code == 404


def test_each_role_sees_and_does_its_part(world: World, client_for, participant: Participant) -> None:
    journey.held(world, participant)
    client_for(world.coordinator).post(
        f"{HERE}adverse-events/",
        {"term": "Nausea", "severity": "mild", **at("started_at", "09:10"), **at("ended_at", "")},
    )
    sees = {
        "coordinator": True, "investigator": True, "monitor": True, "imaging_analyst": False, "data_manager": False,
        "statistician": False,
    }  # fmt: skip
    for role, is_seen in sees.items():
        shown = client_for(world.people[role]).get(HERE)
        assert shown.status_code == 200
        assert ("Nausea" in page(shown)) is is_seen, role
        assert ("Record an adverse event" in page(shown)) is (role in {"coordinator", "investigator"}), role
    assert client_for(world.rater).get(HERE).status_code == 404
    for tail in ("schedule/", "start/", "doses/infusion/", "complete/", "missed/", "adverse-events/"):
        for role in ("monitor", "imaging_analyst", "data_manager", "rater"):
            status = 404 if role == "rater" else 403
            assert client_for(world.people[role]).post(f"{HERE}{tail}", {}).status_code == status
        assert client_for(world.south_coordinator).post(f"{HERE}{tail}", {}).status_code == 404
        assert client_for(world.coordinator).get(f"{HERE}{tail}").status_code == 405
    assert client_for(world.south_coordinator).get(HERE).status_code == 404
    assert client_for(world.coordinator).get("/participants/XO-001/sessions/3/").status_code == 404


def test_nothing_is_offered_for_who_left(world: World, client_for, participant: Participant) -> None:
    client = client_for(world.coordinator)
    assert "Start the session" in page(client.get(HERE))
    withdraw(participant=participant, reason="lost", note="", withdrawn_on=NOW.date(), by=world.coordinator)
    assert "Start the session" not in page(client.get(HERE))
    assert client.post(f"{HERE}start/", at("started_at", "09:00")).status_code == 422
    assert first().status == "planned"


def test_a_running_session_offers_its_forms(world: World, client_for, participant: Participant) -> None:
    client = client_for(world.coordinator)
    client.post(f"{HERE}start/", at("started_at", "08:00"))
    shown = page(client.get(HERE))
    assert f'action="{HERE}doses/pretreatment/"' in shown
    assert 'name="ended_at_3"' in shown
    client.post(f"{HERE}doses/infusion/", {**at("started_at", "09:00"), **at("ended_at", "")})
    assert "Ketamine infusion: record the end" in page(client.get(HERE))
    assert "Not recorded." in page(client_for(world.monitor).get(HERE))


# The wizard


def test_the_wizard_goes_through_four_steps(world: World, client_for) -> None:
    journey.activate_list(world)
    journey.eligible(world)
    client = client_for(world.coordinator)
    assert "All 3 met, signed by Investigator" in page(client.get(RANDOMIZE))
    assert "01 North" in page(client.get(f"{RANDOMIZE}?step=2"))
    check = page(client.get(f"{RANDOMIZE}?step=3"))
    assert "This cannot be undone." in check
    key = re.search(r'name="request_id" value="([0-9a-f-]{36})"', check)[1]
    given = {"request_id": key, "stratum": "01|F", "password": PASSWORD}
    assert client.post(RANDOMIZE, given).url == RECEIPT
    assert client.post(RANDOMIZE, given).url == RECEIPT
    done = Participant.objects.get()
    receipt = page(client.get(RECEIPT))
    assert done.randomization_number in receipt
    assert "25 Nov 2026, 12:00 GMT" in receipt
    assert "Coordinator" in receipt
    for treatment in ("Placebo", "Naltrexone", ">AB<", ">BA<"):
        assert treatment not in receipt
    assert {message.subject for message in delivered()} == {"XO-001 is randomized", "An allocation waits"}
    assert client.get(RANDOMIZE).url == RECEIPT
    assert StudySession.objects.count() == 2


def test_the_wizard_stops_who_is_not_ready(world: World, client_for) -> None:
    journey.activate_list(world)
    journey.screened(world)
    client = client_for(world.coordinator)
    for step in ("", "?step=2", "?step=3"):
        shown = page(client.get(f"{RANDOMIZE}{step}"))
        assert "XO-001 cannot be randomized yet." in shown
        assert "Record consent" in shown
    response = client.post(RANDOMIZE, {"request_id": uuid.uuid4(), "stratum": "01|F", "password": PASSWORD})
    assert response.status_code == 422
    assert "Consent: Record the signed consent form." in page(response)
    assert Participant.objects.get().randomization_number == ""


def test_the_wizard_refuses_a_wrong_password_a_bad_key_and_others(world: World, client_for) -> None:
    journey.activate_list(world)
    journey.eligible(world)
    client = client_for(world.coordinator)
    key = str(uuid.uuid4())
    for typed, words in (
        ({"request_id": key, "password": "wrong"}, "Enter your own password again."),
        ({"request_id": key, "password": ""}, "Enter your password to randomize."),
        ({"request_id": "1 or 1", "password": PASSWORD}, "This page was not sent whole. Open it again."),
    ):
        response = client.post(RANDOMIZE, {"stratum": "01|F", **typed})
        # A page with an address: the browser's Back finds it, and no form that would be sent again.
        assert (response.status_code, response["Location"]) == (302, f"{RANDOMIZE}?step=3")
        shown = client.get(response["Location"])
        assert (shown.status_code, words in page(shown), PASSWORD in page(shown)) == (200, True, False)
        assert (key in page(shown)) is (typed["request_id"] == key)
        assert words not in page(client.get(response["Location"]))
    for role in ("investigator", "rater", "monitor", "imaging_analyst"):
        status = 404 if role == "rater" else 403
        assert client_for(world.people[role]).post(RANDOMIZE, {"password": PASSWORD}).status_code == status
    assert client_for(world.south_coordinator).get(RANDOMIZE).status_code == 404
    assert client.get(RECEIPT).status_code == 404
    assert Participant.objects.get().randomization_number == ""


def test_an_exhausted_list_is_said_neutrally(world: World, client_for) -> None:
    journey.eligible(world)
    response = client_for(world.coordinator).post(
        RANDOMIZE, {"request_id": uuid.uuid4(), "stratum": "01|F", "password": PASSWORD}
    )
    assert response.status_code == 422
    assert "Randomization is not available now; the trial office has been told. Nothing was changed." in page(response)
    assert Participant.objects.get().status == "screening"
