"""Puts interviews of new participants on the demo rater's list and prints their codes: run by the browser tests.

python tests/browser/make_interviews.py COUNT PASSWORD
python tests/browser/make_interviews.py COUNT PASSWORD eligible     numbers of participants who wait for randomization
"""

import datetime
import sys
import uuid

# ruff: noqa: E402, T201 - the apps are imported once Django stands; the codes go to standard output
import django

django.setup()

from django.db import transaction

from participants.models import Participant
from participants.selectors import criteria_of
from participants.services.consent import record_consent
from participants.services.eligibility import record_eligibility, sign_eligibility
from participants.services.screening import Person, screen
from ratings.services.assignment import assign
from sessions.models import AssessmentSchedule, StudySession
from sessions.services.randomization import randomize
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.audit.context import acting
from studyportal.studies.models import Study


def eligible(position: int, password: str) -> Participant:
    study = Study.objects.get()
    coordinator, investigator = (User.objects.get(username=name) for name in ("coordinator", "investigator"))
    person = Person(full_name="Test Person", born_on=datetime.date(1995, 5, 4), contact="test@example.org")
    site = study.sites.all()[position % 2]
    participant = screen(study=study, site=site, sex="FM"[position // 2 % 2], person=person, by=coordinator)
    record_consent(participant=participant, form_version="3.1", signed_on=clock.now().date(), by=coordinator)
    answers = {criterion.code: criterion.kind == "inclusion" for criterion in criteria_of(study)}
    record_eligibility(participant=participant, answers=answers, by=coordinator)
    sign_eligibility(participant=participant, by=investigator, password=password)
    return participant


def make(position: int, password: str) -> str:
    participant = eligible(position, password)
    coordinator, rater = (User.objects.get(username=name) for name in ("coordinator", "rater"))
    randomize(participant=participant, request_id=uuid.uuid4(), password=password, by=coordinator)
    session = participant.sessions.get(period__number=1)
    StudySession.objects.filter(pk=session.pk).update(planned_at=clock.now() + datetime.timedelta(hours=4))
    session.refresh_from_db()
    assessment = AssessmentSchedule.objects.get(study=participant.study, instrument="MADRS", timepoint="pre_dose")
    return assign(session=session, assessment=assessment, rater=rater, by=coordinator).code


if __name__ == "__main__":
    with acting("user:coordinator"), transaction.atomic():
        count, password = range(int(sys.argv[1])), sys.argv[2]
        is_short = sys.argv[3:] == ["eligible"]
        print(*(eligible(one, password) if is_short else make(one, password) for one in count))
