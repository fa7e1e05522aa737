"""A pharmacy at work: a second pharmacist, shipments announced and received, sessions planned and served."""

import datetime

from participants.models import Participant
from sessions.allocation import dispensing, kits
from sessions.allocation.kit_models import DispensingLabel, Kit, KitShipment
from sessions.allocation.kit_signing import Second
from sessions.models import StudySession
from sessions.services import conduct
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Role
from studyportal.studies.models import Site
from tests.conftest import standing_at
from tests.factories.people import PASSWORD, make_member
from tests.factories.world import World

SECOND = Second("second-pharmacist", PASSWORD)
FAR = datetime.timedelta(days=400)


def second_pharmacist(world: World, site: Site | None = None) -> User:
    """Make the person who checks."""
    return make_member("second-pharmacist", Role.PHARMACIST, world.study, site)


def shipped(
    world: World, *, site: Site | None = None, lot: str = "LOT-A", each: int = 4, expires_in: datetime.timedelta = FAR
) -> KitShipment:
    """Announce a shipment."""
    with standing_at("vault"):
        return kits.announce_shipment(
            study=world.study, site=site or world.site, lot=lot, expires_on=clock.now().date() + expires_in,
            storage="15 to 25 °C", kits_per_treatment=each, by=world.unblinded_statistician,
        )  # fmt: skip


def received(world: World, **asked: object) -> KitShipment:
    """Announce a shipment and take it in, all kits in good order."""
    shipment = shipped(world, **asked)
    with standing_at("vault"):
        arrival = kits.Arrival(counted=shipment.kits.count(), condition="Box intact, seal unbroken")
        kits.receive(
            study=world.study, shipment_id=shipment.pk, arrival=arrival, password=PASSWORD, by=world.pharmacist
        )
    return shipment


def planned(world: World, participant: Participant, period: int = 1, days: int = 2) -> StudySession:
    """Plan a session some days ahead."""
    session = participant.sessions.get(period__number=period)
    at = clock.now() + datetime.timedelta(days=days)
    return conduct.schedule(session=session, planned_at=at, reason="Suits", by=world.coordinator)


def picked(world: World, session: StudySession) -> Kit:
    """Let the system pick a kit."""
    with standing_at("vault"):
        return dispensing.pick(session_id=session.pk, by=world.pharmacist)


def dispensed(world: World, session: StudySession) -> DispensingLabel:
    """Pick and dispense; the second pharmacist is there."""
    kit = picked(world, session)
    with standing_at("vault"):
        return dispensing.dispense(
            session_id=session.pk, scanned=kit.number, password=PASSWORD, second=SECOND, by=world.pharmacist
        )
