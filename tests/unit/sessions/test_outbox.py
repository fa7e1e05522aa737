"""The outbox: what cannot be sent now is sent later, by whichever worker comes first, and people can see what waits."""

import datetime
import uuid

import pytest
from django.core import mail

from sessions.models import OutboxMessage
from sessions.services import outbox
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.errors import InvalidState, NotFound, NotPermitted
from tests.conftest import database_role
from tests.factories import journey
from tests.factories.mailing import delivered
from tests.factories.world import World

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
NOBODY_LISTENS = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1",
                  "EMAIL_PORT": 9}  # fmt: skip


@pytest.fixture
def waiting(world: World) -> OutboxMessage:
    """The site's message of a randomization at noon."""
    with clock.at(NOW):
        journey.activate_list(world)
        journey.randomized(world)
    return OutboxMessage.objects.get(kind="randomized")


def tried(settings, at: datetime.datetime) -> OutboxMessage:
    for name, value in NOBODY_LISTENS.items():
        setattr(settings, name, value)
    with clock.at(at), database_role("portal_worker"):
        outbox.deliver()
    return OutboxMessage.objects.get(kind="randomized")


def test_a_mail_server_that_is_down_costs_time_only(
    world: World, waiting: OutboxMessage, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = settings.EMAIL_BACKEND
    at = NOW
    for attempt, wait in enumerate((30, 60, 120, 240), start=1):
        row = tried(settings, at)
        assert (row.attempts, row.failure, row.sent_at) == (attempt, "ConnectionRefusedError", None)
        assert row.next_try_at == at + datetime.timedelta(seconds=wait)
        early = tried(settings, row.next_try_at - datetime.timedelta(seconds=1))
        assert early.attempts == attempt  # not before its time
        at = row.next_try_at
    settings.EMAIL_BACKEND = backend
    with clock.at(at):
        site = next(message for message in delivered() if "XO-001" in message.subject)
    row.refresh_from_db()
    assert (row.sent_at, row.failure, row.attempts) == (at, "", 5)
    name, content, kind = site.attachments[0]
    assert (name, content[:5], kind) == ("randomization-XO-001.pdf", b"%PDF-", "application/pdf")
    with clock.at(at):
        assert len(delivered()) == 2  # nothing twice


def test_the_longest_wait_is_an_hour(world: World, waiting: OutboxMessage, settings) -> None:
    OutboxMessage.objects.update(attempts=60)
    row = tried(settings, NOW)
    assert row.next_try_at == NOW + datetime.timedelta(hours=1)


def test_an_address_that_changed_is_the_one_written_to(world: World, waiting: OutboxMessage) -> None:
    User.objects.filter(pk=world.coordinator.pk).update(email="new@example.org")
    assert {to for message in delivered() for to in message.to} == {"new@example.org", "pharmacist@example.org"}


def test_a_message_that_another_worker_holds_is_left_to_it(world: World, waiting: OutboxMessage) -> None:
    delivered()
    assert outbox.deliver() == 0
    assert outbox._deliver(waiting.pk) is False
    assert len(mail.outbox) == 2


def test_who_watches_sees_the_messages_of_their_sites(world: World, waiting: OutboxMessage) -> None:
    assert {row.kind for row in outbox.messages_for(world.coordinator, world.study)} == {
        "randomized", "allocation_waits",
    }  # fmt: skip
    assert outbox.messages_for(world.administrator, world.study).count() == 2
    assert outbox.messages_for(world.south_coordinator, world.study).count() == 0
    for stranger in (world.rater, world.monitor, world.outsider):
        with pytest.raises(NotPermitted):
            outbox.messages_for(stranger, world.study)


def test_a_waiting_message_can_be_tried_at_once(world: World, waiting: OutboxMessage, settings) -> None:
    tried(settings, NOW)
    with clock.at(NOW):
        for by, study, key, error in (
            (world.south_coordinator, world.study, waiting.pk, NotFound),
            (world.coordinator, world.study, uuid.uuid4(), NotFound),
            (world.rater, world.study, waiting.pk, NotPermitted),
        ):
            with pytest.raises(error):
                outbox.send_again(study=study, message_id=key, by=by)
        assert OutboxMessage.objects.get(pk=waiting.pk).next_try_at == NOW + datetime.timedelta(seconds=30)
        row = outbox.send_again(study=world.study, message_id=waiting.pk, by=world.coordinator)
        assert row.next_try_at == NOW
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with clock.at(NOW):
        delivered()
    with pytest.raises(InvalidState, match="This message was sent"):
        outbox.send_again(study=world.study, message_id=waiting.pk, by=world.coordinator)
