"""E-mails about a randomization: the site learns the number, the pharmacy that something waits, nobody a treatment.

Failing mail never undoes a randomization, so every message is sent after the commit and may fail silently.
"""

from collections.abc import Iterable

from django.core.mail import send_mail

from participants.models import Participant
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission, Role
from studyportal.accounts.selectors import people_in_role, people_with
from studyportal.studies.models import Study

SITE_BODY = """{number} of {study} was randomized.

Randomization number: {randomization_number}
Time: {time}
By: {by}

This message carries no treatment on purpose; the treatment is hidden. The confirmation to print stands on the
participant's page in the portal.
"""
PHARMACY_BODY = """An allocation of {study} waits for you.

Sign in at the unblinded door and open Allocations. This message carries neither participant nor treatment on purpose.
"""
CUSTODIAN_BODY = """A site of {study} asked for a randomization that could not be given.

Sign in at the unblinded door and look at the randomization lists: one must be approved and reach every stratum.
"""


def announce_randomization(participant: Participant) -> None:
    """Tell the site's coordinators the number, and the site's pharmacists that an allocation waits."""
    study, site = participant.study, participant.site
    moment = clock.local(participant.randomized_at or clock.now(), site.time_zone)
    body = SITE_BODY.format(
        number=participant.number, study=study.name, randomization_number=participant.randomization_number,
        time=f"{moment.day} {moment:%b %Y, %H:%M %Z}", by=participant.randomized_by,
    )  # fmt: skip
    _send(f"{participant.number} is randomized", body, people_with(Permission.ALLOCATION_REQUEST, study, site))
    _send("An allocation waits", PHARMACY_BODY.format(study=study.name), people_in_role(Role.PHARMACIST, study, site))


def tell_custodians(study: Study) -> None:
    """Tell those who keep the list that a site could not be served."""
    people = people_with(Permission.LIST_GENERATE, study)
    _send("Randomization is not available", CUSTODIAN_BODY.format(study=study.name), people)


def _send(subject: str, body: str, people: Iterable[User]) -> None:
    to = [person.email for person in people if person.email]
    if to:
        send_mail(subject, body, None, to, fail_silently=True)
