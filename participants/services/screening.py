"""Screening: a person gets a number; who they are goes to the sealed identity."""

import datetime
from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Length

from participants.models import Participant
from participants.services import identity
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Site, Study

OLDEST = 120


@dataclass(frozen=True, slots=True)
class Person:
    """Who is screened: kept sealed, never exported."""

    full_name: str
    born_on: datetime.date
    contact: str = ""


def age_on(born_on: datetime.date, day: datetime.date) -> int:
    """Return completed years of age on a day."""
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))


@transaction.atomic
def screen(*, study: Study, site: Site, sex: str, person: Person, by: User) -> Participant:
    """Give a person the study's next number.

    Raises:
        NotPermitted: the role does not include screening at this site.
        NotFound: the site belongs to another study.
        InvalidState: the site is closed or the study does not recruit.
        InvalidInput: a value breaks a rule; `fields` names it.
    """
    check(by, Permission.PARTICIPANT_SCREEN, study, site)
    if not site.is_active or study.status != Study.Status.RECRUITING:
        raise InvalidState("This site does not recruit now. Ask the trial office.")
    today = clock.today(site.time_zone)
    fields = _faults(study, sex, person, today)
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    # Two coordinators at once queue at the study's row, so that each gets a number of their own.
    Study.objects.select_for_update().get(pk=study.pk)
    participant = Participant.objects.create(
        study=study, site=site, number=_next_number(study), sex=sex, age_years=age_on(person.born_on, today),
        screened_at=clock.now(), screened_by=by,
    )  # fmt: skip
    identity.seal_identity(
        participant,
        {
            "full_name": person.full_name.strip(),
            "born_on": person.born_on.isoformat(),
            "contact": person.contact.strip(),
        },
    )
    events.record("participant screened", study=study.code, target=participant.number)
    return participant


def _faults(study: Study, sex: str, person: Person, today: datetime.date) -> dict[str, str]:
    fields = {}
    if not person.full_name.strip():
        fields["full_name"] = "Enter the person's full name."
    age = age_on(person.born_on, today)
    if person.born_on >= today:
        fields["born_on"] = "The birth date must lie in the past."
    elif age > OLDEST:
        fields["born_on"] = f"This birth date gives {age} years. Check the year."
    elif not study.minimum_age_years <= age <= study.maximum_age_years:
        span = f"{study.minimum_age_years} to {study.maximum_age_years}"
        fields["born_on"] = f"The protocol takes people aged {span}; this birth date gives {age}."
    if sex not in Participant.Sex.values:
        fields["sex"] = "Choose female or male, as recorded for stratification."
    return fields


def _next_number(study: Study) -> str:
    # The longest number is the highest: as text alone, XO-999 would come after XO-1000.
    last = Participant.objects.filter(study=study).order_by(Length("number").desc(), "-number").first()
    ordinal = int(last.number.rsplit("-", 1)[1]) + 1 if last else 1
    return f"{study.participant_prefix}-{ordinal:03d}"
