"""The pages of a randomization that the vault has yet to draw."""

import datetime
import uuid

import pytest

from participants.models import Participant
from sessions.allocation import vault_worker
from sessions.models import OutboxMessage
from sessions.policies import stratum_of
from sessions.services import drawing
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories.minimized import activate_minimization
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def participant(world: World) -> Participant:
    activate_minimization(world)
    return journey.eligible(world)


@pytest.fixture
def coordinator(world: World, client_for) -> object:
    return client_for(world.coordinator)


def address(participant: Participant, end: str = "waiting/") -> str:
    return f"/participants/{participant.number}/randomize/{end}"


def ask(client: object, participant: Participant) -> object:
    given = {"request_id": str(uuid.uuid4()), "password": PASSWORD, "stratum": stratum_of(participant)}
    return client.post(address(participant, ""), given)


def draw() -> None:
    with standing_at("vault"):
        assert vault_worker.look(vault_worker.Pauses()) == 1


def test_asking_leads_to_the_page_that_waits(coordinator, participant) -> None:
    answer = ask(coordinator, participant)
    assert (answer.status_code, answer.headers["Location"]) == (302, address(participant))
    page = coordinator.get(address(participant))
    assert page.status_code == 200
    text = page.content.decode()
    assert "The number is being drawn" in text
    assert "Randomization waits" not in text
    # Without scripts the browser looks again by itself; with them the card does.
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in text
    assert f'hx-get="{address(participant)}" hx-trigger="every 2s"' in text
    # The wizard leads here, and a second request changes nothing.
    assert coordinator.get(address(participant, "")).headers["Location"] == address(participant)
    assert ask(coordinator, participant).headers["Location"] == address(participant)


def test_an_overdue_answer_is_said_without_a_reason(coordinator, participant, monkeypatch) -> None:
    ask(coordinator, participant)
    monkeypatch.setattr(drawing, "USUAL", datetime.timedelta(0))
    text = coordinator.get(address(participant)).content.decode()
    assert "Randomization waits" in text
    assert "Nothing was changed and nothing is lost: the request is kept, and it continues by itself" in text


def test_the_card_goes_on_to_the_confirmation(coordinator, participant) -> None:
    ask(coordinator, participant)
    card = coordinator.get(address(participant), headers={"HX-Request": "true"})
    assert card.status_code == 200
    assert "<html" not in card.content.decode()
    draw()
    receipt = f"/participants/{participant.number}/randomization/"
    card = coordinator.get(address(participant), headers={"HX-Request": "true"})
    assert (card.status_code, card.headers["HX-Redirect"]) == (204, receipt)
    participant.refresh_from_db()
    assert participant.randomization_number in coordinator.get(receipt).content.decode()


def test_the_page_goes_on_to_the_confirmation(coordinator, participant) -> None:
    ask(coordinator, participant)
    draw()
    answer = coordinator.get(address(participant))
    assert answer.headers["Location"] == f"/participants/{participant.number}/randomization/"
    participant.refresh_from_db()
    assert participant.status == "randomized"
    assert OutboxMessage.objects.filter(participant=participant).exists()


def test_where_nothing_waits_the_wizard_begins(coordinator, participant) -> None:
    assert coordinator.get(address(participant)).headers["Location"] == address(participant, "")


def test_a_request_is_cancelled_and_asked_again(coordinator, participant) -> None:
    ask(coordinator, participant)
    answer = coordinator.post(address(participant, "cancel/"), follow=True)
    assert f"The request is cancelled. {participant.number} is still in screening." in answer.content.decode()
    assert ask(coordinator, participant).headers["Location"] == address(participant)
    draw()
    answer = coordinator.post(address(participant, "cancel/"), follow=True)
    assert "A number that is drawn cannot be taken back." in answer.content.decode()
    participant.refresh_from_db()
    assert participant.status == "randomized"


@pytest.mark.parametrize(("who", "status"), [("monitor", 403), ("rater", 404), ("outsider", 404)])
def test_others_neither_wait_nor_cancel(world, client_for, coordinator, participant, who: str, status: int) -> None:
    ask(coordinator, participant)
    client = client_for(world.people[who])
    assert client.get(address(participant)).status_code == status
    assert client.post(address(participant, "cancel/")).status_code == status
    draw()  # it was not cancelled
