"""A participant's way through the study, by the real services, stopped where a test needs it."""

import datetime
import uuid

from participants.models import Participant
from participants.services.consent import record_consent
from participants.services.eligibility import record_eligibility, sign_eligibility
from participants.services.screening import Person, screen
from ratings.models import Rating, RatingAssignment
from ratings.services import drafts, signing
from ratings.services.assignment import assign
from sessions.allocation.services import approve_list, create_list
from sessions.models import AssessmentSchedule, StudySession
from sessions.services import conduct
from sessions.services.randomization import randomize
from studyportal import clock
from studyportal.studies.models import Site
from tests.conftest import standing_at
from tests.factories.people import PASSWORD
from tests.factories.world import World

ADULT = datetime.date(1992, 5, 4)
ANSWERS = {"I1": True, "I2": True, "E1": False}
SCORES = {1: 3, 2: 3, 3: 2, 4: 3, 5: 1, 6: 3, 7: 3, 8: 3, 9: 2, 10: 1}


def screened(world: World, *, sex: str = "F", site: Site | None = None) -> Participant:
    """Return a participant with a number."""
    person = Person(full_name="Robin Example", born_on=ADULT, contact="robin@example.org")
    return screen(study=world.study, site=site or world.site, sex=sex, person=person, by=world.coordinator)


def eligible(world: World, *, sex: str = "F", site: Site | None = None) -> Participant:
    """Return a participant with consent and signed eligibility."""
    participant = screened(world, sex=sex, site=site)
    record_consent(participant=participant, form_version="3.1", signed_on=clock.now().date(), by=world.coordinator)
    record_eligibility(participant=participant, answers=ANSWERS, by=world.coordinator)
    sign_eligibility(participant=participant, by=world.investigator, password=PASSWORD)
    return participant


def activate_list(world: World, *, slots_per_stratum: int = 8, with_paper: bool = False) -> None:
    """Make and approve a list at the vault, with strata for emergency sheets if asked."""
    strata = [f"{site.code}|{sex}" for site in world.study.sites.all() for sex in "FM"]
    strata += [f"paper|{key}" for key in strata] if with_paper else []
    with standing_at("vault"):
        made = create_list(
            study=world.study, method="permuted_blocks", parameters={"block_sizes": [2, 4]}, strata=strata,
            slots_per_stratum=slots_per_stratum, by=world.unblinded_statistician,
        )  # fmt: skip
        approve_list(list_id=made.pk, by=world.pharmacist)


def randomized(world: World, *, sex: str = "F", site: Site | None = None) -> Participant:
    """Return a randomized participant; `activate_list` comes first."""
    participant = eligible(world, sex=sex, site=site)
    return randomize(participant=participant, request_id=uuid.uuid4(), password=PASSWORD, by=world.coordinator)


def held(world: World, participant: Participant, period: int = 1) -> StudySession:
    """Hold a session that ended an hour ago: capsule, infusion of 40 minutes, completed."""
    session = participant.sessions.get(period__number=period)
    end = clock.now() - datetime.timedelta(hours=1)
    infusion = end - datetime.timedelta(hours=2)
    conduct.start(session=session, started_at=infusion - datetime.timedelta(hours=1), by=world.coordinator)
    conduct.record_dose(
        session=session, kind="pretreatment", started_at=infusion - datetime.timedelta(minutes=45), ended_at=None,
        by=world.coordinator,
    )  # fmt: skip
    conduct.record_dose(
        session=session, kind="infusion", started_at=infusion, ended_at=infusion + datetime.timedelta(minutes=40),
        by=world.coordinator,
    )  # fmt: skip
    return conduct.complete(session=session, completed_at=end, by=world.coordinator)


def assigned(world: World, session: StudySession, timepoint: str = "pre_dose") -> RatingAssignment:
    """Put a MADRS on the rater's list."""
    assessment = AssessmentSchedule.objects.get(study=world.study, instrument="MADRS", timepoint=timepoint)
    return assign(session=session, assessment=assessment, rater=world.rater, by=world.coordinator)


def rated(world: World, assignment: RatingAssignment, scores: dict[int, int] | None = None) -> Rating:
    """Return a signed rating."""
    rating = drafts.start(assignment=assignment, source="during", by=world.rater)
    changes = [
        drafts.Change(seq=item, item=item, field="value", value=str(value))
        for item, value in (scores or SCORES).items()
    ]
    saved = drafts.save_changes(rating=rating, client="suite", known_version=1, changes=changes, by=world.rater)
    return signing.sign(
        rating=rating, known_version=saved.version, ended_at=clock.now(), source="during", password=PASSWORD,
        by=world.rater,
    )  # fmt: skip
