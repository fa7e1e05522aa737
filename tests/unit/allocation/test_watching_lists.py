"""The vault warns the custodians once for each threshold of each stratum, in a mail that names neither."""

import pytest
from django.core.management import CommandError, call_command

from sessions.allocation import watching
from sessions.models import OutboxMessage
from studyportal.accounts.models import User
from studyportal.audit.models import Event
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def looked(world: World) -> list[tuple[str, str]]:
    """Look once at the vault; return what is noted."""
    with standing_at("vault"):
        watching.watch(world.study)
        return told()


def told() -> list[tuple[str, str]]:
    """Return what the trail says of which stratum and threshold was told."""
    with standing_at("vault"):
        targets = Event.objects.filter(name=watching.TOLD).values_list("target", flat=True)
        parts = [one.split("|") for one in targets]
        return sorted(("|".join(key), threshold) for _, *key, threshold in parts)


@pytest.mark.parametrize(
    ("left", "slots", "reached"),
    [
        (21, 100, []), (20, 100, ["fifth"]), (6, 100, ["fifth"]), (5, 100, ["fifth", "five"]),
        (1, 100, ["fifth", "five"]), (0, 100, ["fifth", "five", "none"]), (5, 20, ["five"]), (6, 20, []),
    ],
)  # fmt: skip
def test_thresholds(left: int, slots: int, reached: list[str]) -> None:
    assert watching.thresholds(left, slots) == reached


def test_custodians_are_told_once_for_each_threshold(world: World, mailoutbox) -> None:
    journey.activate_list(world, slots_per_stratum=6)
    assert looked(world) == []
    journey.randomized(world)
    assert looked(world) == [("01|F", "five")]
    assert looked(world) == [("01|F", "five")]
    assert [(m.subject, m.to) for m in mailoutbox] == [
        ("A randomization list runs low", ["unblinded-statistician@example.org"])
    ]
    assert "01" not in mailoutbox[0].body
    for _ in range(4):
        journey.randomized(world)
    assert looked(world) == [("01|F", "fifth"), ("01|F", "five")]
    assert len(mailoutbox) == 2
    # Nothing of it stands where a blinded person can read.
    assert not OutboxMessage.objects.filter(kind="unavailable").exists()


def test_a_mail_that_could_not_be_sent_is_sent_by_the_next_look(world: World, mailoutbox, settings) -> None:
    journey.activate_list(world, slots_per_stratum=4)
    backend, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert looked(world) == []
    settings.EMAIL_BACKEND = backend
    assert len(looked(world)) == 4
    assert len(mailoutbox) == 1


def test_without_a_custodian_with_an_address_it_waits(world: World, mailoutbox) -> None:
    with standing_at("vault"):
        User.objects.filter(memberships__role="unblinded_statistician").update(email="")
    journey.activate_list(world, slots_per_stratum=4)
    assert looked(world) == []
    assert mailoutbox == []


def test_the_command_looks_at_every_study_at_the_vault_only(world: World, mailoutbox) -> None:
    journey.activate_list(world, slots_per_stratum=4)
    with pytest.raises(CommandError, match="at the vault only"):
        call_command("watch_lists")
    with standing_at("vault"):
        call_command("watch_lists")
    assert len(told()) == 4
    assert len(mailoutbox) == 1


def test_the_vaults_pages_look_by_themselves(world: World, client_for, mailoutbox) -> None:
    journey.activate_list(world, slots_per_stratum=4)
    client = client_for(world.pharmacist, door="vault")
    assert client.get("/").status_code == 200
    assert len(mailoutbox) == 1
    assert client.get("/lists/").status_code == 200
    assert len(mailoutbox) == 1
