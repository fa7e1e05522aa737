"""The pharmacy's part of the twin worlds' story: kits shipped, received and dispensed by the real services.

Which kit leaves the shelf differs from world to world; the label that the ward reads must not.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from sessions.allocation import dispensing, kits
from sessions.models import StudySession
from studyportal import clock
from tests.conftest import standing_at
from tests.factories.people import PASSWORD
from tests.factories.pharmacy import SECOND, second_pharmacist
from tests.factories.world import World

Step = Callable[..., AbstractContextManager[None]]


def stock(step: Step, world: World) -> None:
    """Make the second pharmacist and fill both sites' shelves."""
    with step("second pharmacist"):
        second_pharmacist(world)
    for site in world.study.sites.order_by("code"):
        with step(f"ship {site.code}"), standing_at("vault"):
            shipment = kits.announce_shipment(
                study=world.study, site=site, lot="LOT-1", expires_on=clock.now().date() + timedelta(days=400),
                storage="15 to 25 °C", kits_per_treatment=8, by=world.unblinded_statistician,
            )  # fmt: skip
            kits.receive(
                study=world.study, shipment_id=shipment.pk, arrival=kits.Arrival(counted=16, condition="Intact"),
                password=PASSWORD, by=world.pharmacist,
            )  # fmt: skip


def dispense(world: World, session: StudySession) -> None:
    """Dispense for a planned session; run inside a step."""
    with standing_at("vault"):
        kit = dispensing.pick(session_id=session.pk, by=world.pharmacist)
        dispensing.dispense(
            session_id=session.pk, scanned=kit.number, password=PASSWORD, second=SECOND, by=world.pharmacist
        )
