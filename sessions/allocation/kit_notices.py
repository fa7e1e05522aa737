"""E-mails about kits: what waits and which lot is recalled; never a treatment. Failing mail undoes nothing."""

from collections.abc import Iterable, Sequence

from django.core.mail import send_mail

from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission, Role
from studyportal.accounts.selectors import people_in_role, people_with
from studyportal.studies.models import Site, Study

DEPOT_BODY = """Site {site} of {study} could not be served with a kit.

Sign in at the unblinded door and open Kits, Supply. This message carries neither participant nor treatment on purpose.
"""
RECALL_BODY = """Lot {lot} of {study} is recalled: {reason}

All kits of this lot have left stock at every site. Put them aside and do not dispense them.
"""
AFFECTED_BODY = """Lot {lot} of {study} is recalled: {reason}

Participants of site {site} who received a capsule of this lot:
{people}

This message carries no treatment on purpose; the treatment stays hidden.
"""


def tell_depot(site: Site) -> None:
    """Tell those who ship that a site's stock is short."""
    body = DEPOT_BODY.format(site=site, study=site.study.name)
    _send("Kits are needed", body, people_with(Permission.KIT_SHIP, site.study))


def tell_of_recall(*, study: Study, lot: str, reason: str, sites: Iterable[Site]) -> None:
    """Tell the pharmacies of the sites that a lot is recalled."""
    body = RECALL_BODY.format(lot=lot, study=study.name, reason=reason)
    for site in sites:
        _send(f"Lot {lot} is recalled", body, people_with(Permission.KIT_RECEIVE, study, site))


def tell_investigators(*, site: Site, lot: str, reason: str, people: Sequence[str]) -> None:
    """Tell a site's investigators which of their participants received a capsule of a recalled lot."""
    body = AFFECTED_BODY.format(lot=lot, study=site.study.name, reason=reason, site=site, people="\n".join(people))
    _send(f"Lot {lot} is recalled", body, people_in_role(Role.INVESTIGATOR, site.study, site))


def _send(subject: str, body: str, people: Iterable[User]) -> None:
    to = [person.email for person in people if person.email]
    if to:
        send_mail(subject, body, None, to, fail_silently=True)
