"""Two worlds that differ in everybody's sequence: whatever the blinded side can read of the pharmacy is the same.

The real services pick, check and dispense in both; entropy is seeded step by step as in the twin worlds. The rows are
read as the blinded web login reads them. ADR 19 says what made this true.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core import mail
from django.db import connection, transaction

from sessions.allocation import dispensing, kits
from sessions.allocation.kit_contents import open_content
from sessions.allocation.kit_ledger import Movement
from sessions.allocation.kit_models import Kit, KitMovement
from studyportal import clock
from tests.conftest import standing_at
from tests.factories import journey, lists, pharmacy
from tests.factories.people import PASSWORD
from tests.factories.world import make_world
from tests.factories.worlds import seeded

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 6, 3, 10, 0, tzinfo=datetime.UTC)
# What the blinded login can read and what dispensing writes or could write.
READABLE = ("allocation_dispensinglabel", "accounts_signature", "study_sessions_studysession", "accounts_user")


class World(dict):
    """What a world showed, and what only the suite knows of it."""


def tell(sequences: dict[str, str]) -> World:
    """Dispense both periods of two participants, one kit broken and replaced, and report what was to be seen."""
    found = World()
    with clock.at(NOW), seeded("people"):
        world = make_world()
        pharmacy.second_pharmacist(world)
    with clock.at(NOW), exchanged(sequences), seeded("list 2"), standing_at("vault"):
        made = lists.activated(world.study, maker=world.unblinded_statistician, second=world.pharmacist)
    with clock.at(NOW), seeded("shipment"):
        pharmacy.received(world, each=5)
        pharmacy.received(world, each=5, lot="LOT-B", expires_in=datetime.timedelta(days=300))
    sessions = []
    for index, sex in enumerate("FM"):
        with clock.at(NOW), seeded(f"randomize {index}"):
            participant = journey.randomized(world, sex=sex)
            pharmacy.planned(world, participant)
        sessions += list(participant.sessions.order_by("period__number"))
    mail.outbox.clear()
    labels = []
    for index, session in enumerate(sessions):
        labels.append(_served(world, session, f"session {index}"))
    with clock.at(NOW), seeded("break"), standing_at("vault"):
        broken = Kit.objects.get(movements__kind=Movement.DISPENSED, movements__session=sessions[0])
        kits.move_kits(
            study=world.study, numbers=[broken.number], movement=Movement.BROKEN, reason="Fell", password=PASSWORD,
            second=pharmacy.SECOND, by=world.pharmacist,
        )  # fmt: skip
    labels.append(_served(world, sessions[0], "replacement"))
    with connection.cursor() as cursor:  # as portal_web
        for table in READABLE:
            order = f"SELECT coalesce(string_agg(t::text, ' ' ORDER BY t::text), '') FROM public.{table} AS t"
            if table == "accounts_signature":  # the publication's covers the public root, which binds the list
                order += f" WHERE strpos(t::text, '{made.commitment_root}') = 0"
            cursor.execute(order)
            found[table] = cursor.fetchone()[0]
    found["mail"] = [(message.subject, message.to, message.body) for message in mail.outbox]
    found["lots"] = [lot for _, lot in labels]
    with standing_at("vault"):
        given = KitMovement.objects.filter(kind=Movement.DISPENSED).select_related("kit").order_by("kit__number")
        found["secret"] = [(line.kit.number, open_content(line.kit)) for line in given]
    return found


def _served(world, session, step: str) -> tuple[str, str]:
    with clock.at(NOW):
        with seeded(f"pick {step}"), standing_at("vault"):
            kit = dispensing.pick(session_id=session.pk, by=world.pharmacist, afterwards=True)
            lot = kit.shipment.lot
        with seeded(f"dispense {step}"), standing_at("vault"):
            label = dispensing.dispense(
                session_id=session.pk, scanned=kit.number, password=PASSWORD, second=pharmacy.SECOND,
                by=world.pharmacist, afterwards=True,
            )  # fmt: skip
    return label.number, lot


@contextmanager
def exchanged(sequences: dict[str, str]) -> Iterator[None]:
    """Make lists whose slots hold other sequences at the same places and numbers."""
    from dataclasses import replace

    from sessions.allocation import generation

    real = generation.generate_list

    def generate(**asked: object):
        made = real(**asked)
        slots = tuple(replace(slot, sequence=sequences[slot.sequence]) for slot in made.slots)
        return replace(made, slots=slots)

    generation.generate_list = generate
    try:
        yield
    finally:
        generation.generate_list = real


def told(sequences: dict[str, str]) -> World:
    """Tell a world and take everything back."""
    with transaction.atomic():
        found = tell(sequences)
        transaction.set_rollback(True)
    return found


BASE, SWAP, CONSTANT = {"AB": "AB", "BA": "BA"}, {"AB": "BA", "BA": "AB"}, {"AB": "AB", "BA": "AB"}


def test_the_blinded_side_reads_the_same_of_the_pharmacy_in_every_world() -> None:
    base, again = told(BASE), told(BASE)
    secret = base.pop("secret")
    assert again.pop("secret") == secret
    assert base == again, "the same world twice must be equal before any other verdict counts"
    assert base["allocation_dispensinglabel"].count("D-") == 5
    for sequences in (SWAP, CONSTANT):
        other = told(sequences)
        assert other.pop("secret") != secret, "the worlds differ in what was dispensed"
        for channel, seen in base.items():
            assert other[channel] == seen, channel


def test_a_label_with_the_kits_number_would_be_found(monkeypatch) -> None:
    """The test can see: were the kit's number on the label, the worlds would differ."""
    real = dispensing.move

    def leaking(act, moved, movement, **more):
        real(act, moved, movement, **more)
        if movement is Movement.DISPENSED:
            monkeypatch.setattr(dispensing.DispensingLabel, "save", lambda self: _save(self, moved[0].number))

    monkeypatch.setattr(dispensing, "move", leaking)
    assert told(BASE)["allocation_dispensinglabel"] != told(SWAP)["allocation_dispensinglabel"]


def _save(label, number: str) -> None:
    label.number = number.replace("K", "D")
    label.save_base(force_insert=True)
