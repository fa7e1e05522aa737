"""E-mails about a randomization: the site learns the number, the pharmacy that something waits, nobody a treatment.

They are rows of the outbox, written in the transaction of the randomization itself.
"""

from participants.models import Participant
from sessions.models import OutboxMessage
from sessions.services import outbox
from studyportal.accounts.roles import Permission, Role
from studyportal.accounts.selectors import people_in_role, people_with
from studyportal.studies.models import Site

Kind = OutboxMessage.Kind


def announce_randomization(participant: Participant) -> None:
    """Tell the site's coordinators the number, and the site's pharmacists that an allocation waits."""
    study, site = participant.study, participant.site
    coordinators = people_with(Permission.ALLOCATION_REQUEST, study, site)
    outbox.queue(kind=Kind.RANDOMIZED, site=site, people=coordinators, participant=participant)
    outbox.queue(kind=Kind.ALLOCATION_WAITS, site=site, people=people_in_role(Role.PHARMACIST, study, site))


def tell_custodians(site: Site) -> None:
    """Tell those who keep the list that a site could not be served."""
    outbox.queue(kind=Kind.UNAVAILABLE, site=site, people=people_with(Permission.LIST_GENERATE, site.study))
