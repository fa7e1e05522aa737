"""A treatment for a colleague: asked at the blinded door, told at the vault, once; who asks learns that it was."""

import datetime
import re

import pytest
from django.core import mail
from django.db import DatabaseError, connection, transaction

from sessions.allocation.models import DeliveryRequest
from sessions.models import ProtocolDeviation
from studyportal import clock
from studyportal.accounts.models import Signature
from studyportal.accounts.roles import Role
from studyportal.audit.models import Event
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories.people import PASSWORD, make_member
from tests.factories.world import World

pytestmark = pytest.mark.django_db
ASK = "/unblinding/ask/"


def said(**changed: str) -> dict[str, str]:
    return {
        "participant": "xo-001", "reason_code": "emergency", "reason": "Seizure, intensive care",
        "recipient_name": "Dr Wren Ward", "recipient_email": "wren@hospital.example", "password": PASSWORD,
    } | changed  # fmt: skip


@pytest.fixture
def randomized(world: World):
    journey.activate_list(world)
    return journey.randomized(world)


@pytest.fixture
def asked(world: World, client_for, randomized):
    """Return the investigator's client, the link and the code."""
    client = client_for(world.investigator)
    page = client.post(ASK, said(), follow=True).content.decode()
    code = re.search(r"\d{4} \d{4}", page)[0]
    return client, re.search(r"/delivery/\S+/", mail.outbox[-1].body)[0], code


def reveals() -> list[Event]:
    with standing_at("vault"):
        return list(Event.objects.filter(name="participant unblinded"))


def test_the_colleague_reads_the_treatment_and_who_asked_that_it_was_delivered(
    world: World, client_for, asked, django_capture_on_commit_callbacks
) -> None:
    client, link, code = asked
    (message,) = mail.outbox
    assert message.to == ["wren@hospital.example"]
    assert code.replace(" ", "") not in message.body.replace(" ", "")
    assert link not in client.get("/unblinding/").content.decode()
    colleague = client_for(door="vault")
    page = colleague.get(link).content.decode()
    assert "Treatment of participant XO-001" in page
    assert "Naltrexone" not in page
    assert reveals() == []
    with django_capture_on_commit_callbacks(execute=True):
        assert colleague.post(link, {"code": code})["Location"] == "/delivery/shown/"
    page = colleague.get("/delivery/shown/").content.decode()
    assert "Naltrexone 50 mg" in page
    assert "Placebo capsule" in page
    (event,) = reveals()
    assert event.data == {
        "reason_code": "emergency", "reason": "Seizure, intensive care", "recipient": "Dr Wren Ward",
        "asked_by": "investigator",
    }  # fmt: skip
    page = client.get("/unblinding/").content.decode()
    assert "Delivered" in page
    assert "to Dr Wren Ward" in page
    assert code not in page
    assert not re.search("Naltrexone|Placebo", page)
    told = {one.to[0] for one in mail.outbox[1:]}
    assert {"investigator@example.org", "statistician@example.org"} <= told
    assert not any(re.search("Naltrexone|Placebo", one.body) for one in mail.outbox)
    deviation = ProtocolDeviation.objects.get(code="unblinding")
    assert deviation.description.endswith("Told to Dr Wren Ward, as Investigator asked.")
    log = client_for(world.unblinded_statistician, "vault").get("/log/").content.decode()
    assert "Dr Wren Ward" in log


def test_the_link_opens_once_for_one_browser_and_one_hour(world: World, client_for, asked) -> None:
    _, link, code = asked
    colleague, stranger = client_for(door="vault"), client_for(door="vault")
    colleague.post(link, {"code": code})
    assert colleague.get(link).status_code == 404
    assert stranger.post(link, {"code": code}).status_code == 404
    assert stranger.get("/delivery/shown/").status_code == 404
    assert colleague.get("/delivery/shown/").status_code == 200
    assert len(reveals()) == 1
    with standing_at("vault"):
        DeliveryRequest.objects.update(opened_at=clock.now() - datetime.timedelta(minutes=6))
    assert colleague.get("/delivery/shown/").status_code == 404


def test_after_an_hour_nothing_opens(asked, client_for, monkeypatch) -> None:
    client, link, code = asked
    later = clock.now() + datetime.timedelta(minutes=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    answer = client_for(door="vault").post(link, {"code": code})
    assert answer.status_code == 404
    assert "its hour is over" in answer.content.decode()
    assert reveals() == []
    page = client.get("/unblinding/").content.decode()
    assert "Lapsed, nothing was told to Dr Wren Ward" in page
    assert code not in page


def test_five_wrong_codes_close_the_link(asked, client_for) -> None:
    _, link, code = asked
    colleague = client_for(door="vault")
    for left in ("4 more", "3 more", "2 more", "1 more", "The link is closed."):
        answer = colleague.post(link, {"code": "0000 0000" if code != "0000 0000" else "1111 1111"})
        assert answer.status_code == 422
        assert left in answer.content.decode()
    assert colleague.post(link, {"code": code}).status_code == 404
    assert colleague.post("/delivery/unknown/", {"code": code}).status_code == 404
    assert reveals() == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"recipient_name": "Dr. Investigator"}, "This is you."),
        ({"recipient_email": "Investigator@example.org"}, "This is your own address."),
        ({"recipient_email": "rater@EXAMPLE.org"}, "belongs to somebody of the study team"),
        ({"recipient_name": "Statistician, Dr"}, "Somebody of the study team has this name"),
        ({"participant": "XO-077"}, "There is no participant"),
        ({"reason_code": "dispensing"}, "Choose why."),
        ({"reason": "Hm"}, "Say what happened and who asked."),
        ({"recipient_name": "  "}, "Enter the colleague&#x27;s name."),
        ({"recipient_email": "nobody"}, "Enter an address like"),
        ({"password": "wrong"}, "Enter your own password again."),
    ],
)
def test_what_is_refused_sends_nothing_and_keeps_what_was_typed(
    world: World, client_for, randomized, changed: dict[str, str], words: str
) -> None:
    signatures = Signature.objects.count()
    answer = client_for(world.investigator).post(ASK, said(**changed))
    assert answer.status_code == 422
    text = answer.content.decode()
    assert words in text
    assert "wren@hospital.example" in text or "recipient_email" in changed
    assert mail.outbox == []
    assert not DeliveryRequest.objects.exists()
    assert Signature.objects.count() == signatures


def test_other_roles_cannot_ask_and_some_may_not_know(world: World, client_for, randomized) -> None:
    for person in ("coordinator", "monitor", "statistician", "data_manager"):
        client = client_for(world.people[person])
        assert client.get("/unblinding/").status_code == 200
        assert client.post(ASK, said()).status_code == 403
    for person, status in (("imaging_analyst", 403), ("administrator", 403), ("rater", 404), ("pharmacist", 404)):
        assert client_for(world.people[person]).get("/unblinding/").status_code == status
    assert not DeliveryRequest.objects.exists()


def test_an_investigator_asks_for_own_participants_only(world: World, client_for, randomized) -> None:
    south = make_member("south-investigator", Role.INVESTIGATOR, world.study, world.other_site)
    answer = client_for(south).post(ASK, said())
    assert answer.status_code == 422
    assert not DeliveryRequest.objects.exists()


def test_who_is_not_randomized_has_no_treatment_to_tell(world: World, client_for, randomized) -> None:
    waiting = journey.eligible(world)
    answer = client_for(world.investigator).post(ASK, said(participant=waiting.number))
    assert "there is no treatment to tell" in answer.content.decode()


def test_a_fourth_within_a_day_is_refused(world: World, client_for, randomized) -> None:
    client = client_for(world.investigator)
    assert [client.post(ASK, said()).status_code for _ in range(4)] == [302, 302, 302, 422]
    assert DeliveryRequest.objects.count() == 3


def test_without_mail_nothing_is_asked(world: World, client_for, randomized, monkeypatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", fails)
    answer = client_for(world.investigator).post(ASK, said())
    assert answer.status_code == 422
    assert "Phone the physician on call" in answer.content.decode()
    assert not DeliveryRequest.objects.exists()


def test_each_door_writes_its_own_half_only(asked) -> None:
    for door, statement in (
        ("portal_web", "UPDATE pii.delivery_request SET failed_tries = 0"),
        ("portal_web", "UPDATE pii.delivery_request SET opened_at = NULL"),
        ("portal_vault", "UPDATE pii.delivery_request SET recipient_name = 'x'"),
        ("portal_vault", "SELECT 1 FROM pii.identity"),
        ("portal_worker", "SELECT 1 FROM pii.delivery_request"),
        ("portal_readonly", "SELECT 1 FROM pii.delivery_request"),
    ):
        from tests.conftest import database_role

        with pytest.raises(DatabaseError, match="permission denied"), database_role(door), transaction.atomic():
            connection.cursor().execute(statement)
