"""Supply by treatment, for those who ship: what each site has of each, what it will need, what to send.

Only the unblinded statistician (the depot) reaches this; every look is in the trail before the first content is opened.
"""

from collections import Counter
from dataclasses import dataclass

from sessions.allocation.kit_contents import announce, open_content
from sessions.allocation.kit_ledger import State
from sessions.allocation.kit_models import DispensingLabel, Kit
from sessions.allocation.kit_readiness import OPEN
from sessions.allocation.kit_signing import latest, state_of
from sessions.allocation.models import Allocation
from sessions.allocation.services import open_slot
from sessions.models import SequencePeriod, StudySession, Treatment
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.studies.models import Site, Study


@dataclass(frozen=True, slots=True)
class SupplyRow:
    """One treatment at one site."""

    treatment: str
    usable: int
    on_the_way: int
    allocated_need: int
    expected_need: int

    @property
    def short(self) -> int:
        """How many kits are wanting once everybody who is expected has been served."""
        return max(0, self.allocated_need + self.expected_need - self.usable - self.on_the_way)


@dataclass(frozen=True, slots=True)
class SiteSupply:
    """A site's supply by treatment, and the shipment that would cover it."""

    site: Site
    still_expected: int
    rows: tuple[SupplyRow, ...]

    @property
    def send_of_each(self) -> int:
        """How many kits of every treatment to send: as many as the shortest needs, since shipments are even."""
        return max((row.short for row in self.rows), default=0)


def supply(study: Study, *, by: User) -> list[SiteSupply]:
    """Return supply and need of every site by treatment; the look is announced in the trail first.

    Participants who are allocated need the treatments of their sequence in the periods that are open; those who are
    still expected up to the site's recruitment target need one kit of every treatment that their sequences give.

    Raises:
        NotPermitted: the person's role does not include supply by treatment.
    """
    check(by, Permission.KIT_SUPPLY_VIEW, study)
    announce(study, target="all kits in stock", why="supply by treatment")
    today = clock.now().date()
    names = dict(Treatment.objects.filter(study=study).order_by("code").values_list("code", "name"))
    due = _due_by_site(study)
    usable: Counter[tuple[object, str]] = Counter()
    coming: Counter[tuple[object, str]] = Counter()
    kits = latest(Kit.objects.filter(study=study, shipment__expires_on__gte=today).select_related("shipment"))
    for kit in kits:
        state = state_of(kit)
        if state in {State.IN_STOCK, State.QUARANTINED, State.IN_TRANSIT}:
            place = usable if state is State.IN_STOCK else coming
            place[kit.shipment.site_id, open_content(kit)] += 1
    found = []
    for site in sites_with(by, Permission.KIT_SUPPLY_VIEW, study).order_by("code"):
        expected = max(0, site.recruitment_target - Allocation.objects.filter(participant__site=site).count())
        rows = [
            SupplyRow(name, usable[site.pk, code], coming[site.pk, code], due[site.pk, code], expected)
            for code, name in names.items()
        ]
        found.append(SiteSupply(site, expected, tuple(rows)))
    return found


def _due_by_site(study: Study) -> Counter[tuple[object, str]]:
    """Return how many kits of each treatment the open sessions of allocated participants need, by site."""
    gives = {
        (row.sequence.code, row.period_id): row.treatment.code
        for row in SequencePeriod.objects.filter(sequence__study=study).select_related("sequence", "treatment")
    }
    allocations = Allocation.objects.filter(participant__study=study, participant__status="randomized")
    sequences = {
        one.participant_id: open_slot(one.slot).sequence for one in allocations.select_related("slot__stratum")
    }
    served = DispensingLabel.objects.filter(study=study).values("session")
    opened = StudySession.objects.filter(participant__in=sequences, status__in=OPEN).exclude(pk__in=served)
    return Counter(
        (session.participant.site_id, gives[sequences[session.participant_id], session.period_id])
        for session in opened.select_related("participant")
    )
