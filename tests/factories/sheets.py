"""Emergency sheets of the test world, and the numbers on them."""

import uuid

from sessions.allocation import paper
from sessions.allocation.models import EmergencyLine, EmergencySheet
from sessions.services.paper import Given, record_paper_randomization
from studyportal import clock
from tests.conftest import standing_at
from tests.factories.people import PASSWORD


def sheet(world, *, per_stratum: int = 3, site=None) -> EmergencySheet:
    """Make a sheet at the vault."""
    with standing_at("vault"):
        return paper.make_sheet(
            study=world.study, site=site or world.site, per_stratum=per_stratum, by=world.unblinded_statistician
        )


def numbers_on(made: EmergencySheet) -> dict[str, list[str]]:
    """Return a sheet's numbers by stratum, in order."""
    found: dict[str, list[str]] = {}
    with standing_at("vault"):
        lines = EmergencyLine.objects.filter(sheet=made).select_related("slot__stratum")
        for line in lines.order_by("slot__stratum__key", "slot__ordinal"):
            found.setdefault(line.slot.stratum.key, []).append(line.slot.number)
    return found


def entered(world, participant, number: str, *, so: bool = False, **changed):
    """Enter a number that was given on paper."""
    given = Given(
        number=number, given_at=changed.pop("given_at", clock.now()), given_by=changed.pop("given_by", "N. Night"),
        outage=changed.pop("outage", "Power cut"), was_given_so=so,
    )  # fmt: skip
    return record_paper_randomization(
        participant=participant, given=given, request_id=changed.pop("key", None) or uuid.uuid4(),
        password=changed.pop("password", PASSWORD), by=changed.pop("by", world.coordinator), **changed,
    )  # fmt: skip
