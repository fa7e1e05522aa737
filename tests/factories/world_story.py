"""The story that every twin world tells: eleven participants in all states, by the real services."""

import datetime
import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from participants.models import Participant
from participants.services.consent import record_consent
from participants.services.eligibility import record_eligibility, sign_eligibility
from participants.services.screening import Person, screen
from participants.services.withdrawal import withdraw
from ratings.models import Rating, RatingAssignment
from ratings.services import alerts, drafts, signing
from ratings.services.assignment import assign
from sessions.allocation import publication
from sessions.allocation.delivery import ask_for_delivery
from sessions.allocation.models import ListSlot
from sessions.allocation.services import open_slot
from sessions.allocation.unblinding_notice import tell_of_unblinding
from sessions.models import AssessmentSchedule, BasisSet, Sequence, Spectrum, StudySession, Treatment
from sessions.services import conduct, dosing, fitting, imports, quantification, requantification, uploads
from sessions.services.randomization import randomize
from sessions.services.safety import report_adverse_event
from sessions.services.upload_rules import Announced
from studyportal.accounts import study_lock, tokens
from studyportal.accounts.models import User
from studyportal.accounts.roles import ROLE_PERMISSIONS, UNBLINDED_ROLES, Permission, Role
from studyportal.reports.lock_questions import open_counts, questions_of
from studyportal.studies.models import Site, StudyLock
from tests.conftest import database_role, standing_at
from tests.factories import lists, protocols, world_pharmacy
from tests.factories.engine_answers import engine_answers
from tests.factories.people import PASSWORD
from tests.factories.world import World, make_world
from tests.factories.worlds import NOW, SEQUENCES, SLOTS, TREATMENTS, Plan, frozen, seeded

ANSWERS = {"I1": True, "I2": True, "E1": False}
BEGIN = NOW - datetime.timedelta(days=60)
SCORES = {1: 3, 2: 3, 3: 2, 4: 3, 5: 1, 6: 3, 7: 3, 8: 3, 9: 2, 10: 1}


@contextmanager
def one_root_for_all() -> Iterator[None]:
    """Publish the same value in every world in the place of the root.

    A root differs between worlds, since it commits to who gets what, and tells nothing of it without the nonces
    (tests/unit/randomization/test_study_bundle.py). What may not differ is all around it; `root_to_show` is the one
    place through which a root reaches the public row.
    """
    real = publication.root_to_show
    publication.root_to_show = lambda made: hashlib.sha256(b"any root").hexdigest()
    try:
        yield
    finally:
        publication.root_to_show = real


class Story:
    """Steps with a clock: each step happens at its own moment and draws its own randomness."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.moment, self.world = plan, BEGIN, None

    @contextmanager
    def step(self, label: str, at: datetime.datetime | None = None) -> Iterator[None]:
        """Do something at the next minute, or at a given moment."""
        self.moment = at or self.moment + datetime.timedelta(minutes=1)
        with frozen(self.moment), seeded(label), database_role("portal_web"), transaction.atomic():
            yield

    # People and list

    def prepare(self) -> None:
        """Make studies, people and design, and put words nobody else uses into the design."""
        with self.step("world"):
            self.world = make_world()
            for code, (short, name) in TREATMENTS.items():
                Treatment.objects.filter(code=code).update(code=short, name=name)
            for code, other in SEQUENCES.items():
                Sequence.objects.filter(code=code).update(code=other)
            BasisSet.objects.create(
                study=self.world.study, name="Simulated PRESS", simulation="sim:press:14,14@3T", field_tesla=3.0,
                echo_time_ms=30.0, is_default=True, uploaded_by=self.world.imaging_analyst,
            )  # fmt: skip
        with self.step("protocol"):
            protocols.drafted(self.world)
        maker, second = self.world.unblinded_statistician, self.world.pharmacist
        with self.step("list"), standing_at("vault"):
            made = lists.generated(self.world.study, maker=maker, slots_per_stratum=SLOTS)
        # A step of its own: how many places the list has shows in how many keys were drawn for them, and here alone.
        with self.step("life of the list"), standing_at("vault"), one_root_for_all():
            lists.brought_on(made, maker=maker, second=second)
        world_pharmacy.stock(self.step, self.world)

    # Participants

    def screened(self, label: str, *, sex: str = "F", site: Site | None = None) -> Participant:
        """Return a participant with a number."""
        world: World = self.world
        with self.step(f"screen {label}"):
            return screen(
                study=world.study, site=site or world.site, sex=sex, by=world.coordinator,
                person=Person(full_name=f"Robin {label}", born_on=datetime.date(1992, 5, 4), contact="r@example.org"),
            )  # fmt: skip

    def eligible(self, label: str, *, signed: bool = True, **where: object) -> Participant:
        """Return a participant whose eligibility is answered, and signed unless said otherwise."""
        world, participant = self.world, self.screened(label, **where)
        with self.step(f"consent {label}"):
            record_consent(
                participant=participant, form_version="3.1", signed_on=self.moment.date(), by=world.coordinator
            )
            record_eligibility(participant=participant, answers=ANSWERS, by=world.coordinator)
            if signed:
                sign_eligibility(participant=participant, by=world.investigator, password=PASSWORD)
        return participant

    def randomized(self, label: str, **where: object) -> Participant:
        """Return a randomized participant."""
        participant = self.eligible(label, **where)
        with self.step(f"randomize {label}"):
            return randomize(
                participant=participant, request_id=uuid.uuid4(), password=PASSWORD, by=self.world.coordinator
            )

    # Sessions

    def begun(
        self, participant: Participant, period: int, at: datetime.datetime, *, infused: bool = True
    ) -> StudySession:
        """Begin a session and give its doses, without the infusion where it is still to come."""
        by, session = self.world.coordinator, participant.sessions.get(period__number=period)
        label = f"{participant.number} {period}"
        with self.step(f"plan {label}", at - datetime.timedelta(days=2)):
            conduct.schedule(session=session, planned_at=at, by=by)
        with self.step(f"dispense {label}", at - datetime.timedelta(days=1)):
            world_pharmacy.dispense(self.world, session)
        with self.step(f"start {label}", at):
            session = conduct.start(session=session, started_at=at, by=by)
        with self.step(f"doses {label}", at + datetime.timedelta(minutes=100)):
            infusion = at + datetime.timedelta(minutes=50)
            dosing.record_dose(
                session=session,
                kind="pretreatment",
                started_at=at + datetime.timedelta(minutes=5),
                ended_at=None,
                by=by,
            )
            if infused:
                ended = infusion + datetime.timedelta(minutes=40)
                dosing.record_dose(session=session, kind="infusion", started_at=infusion, ended_at=ended, by=by)
        return session

    def held(self, participant: Participant, period: int, at: datetime.datetime) -> StudySession:
        """Hold a session to its end."""
        session = self.begun(participant, period, at)
        with self.step(f"complete {participant.number} {period}", at + datetime.timedelta(hours=4)):
            return conduct.complete(session=session, completed_at=self.moment, by=self.world.coordinator)

    def event(self, session: StudySession, term: str, severity: str) -> None:
        """Report an adverse event; the exchanged world has other ones."""
        if self.plan.outcomes != "base":
            term, severity = f"Other than {term}"[:40], "severe"
        with self.step(f"event {session.pk}"):
            report_adverse_event(
                session=session, term=term, severity=severity, is_serious=False,
                started_at=self.moment - datetime.timedelta(minutes=30), by=self.world.coordinator,
            )  # fmt: skip

    # Spectra

    def spectrum(self, session: StudySession, ratio: float, *, fitted: bool = True) -> Spectrum:
        """Upload a file and let the job code do its work around a given answer of the engine."""
        if self.plan.outcomes != "base":
            ratio = round(3.0 - ratio, 3)
        label = f"spectrum {session.pk} {session.spectra.count()}"
        with self.step(label):
            spectrum = uploads.store_upload(
                session=session, kind="metabolite", filename="scan.nii.gz", content=label.encode() * 40,
                acquired_at=session.started_at, by=self.world.imaging_analyst,
            )  # fmt: skip
        if fitted:
            with self.step(f"fit {label}"), database_role("portal_worker"), engine_answers(ratio):
                fitting.process(run_id=spectrum.runs.get().pk)
        return spectrum

    def imported(self, spectrum: Spectrum, ratio: float) -> None:
        """Attach what another program found."""
        if self.plan.outcomes != "base":
            ratio = round(3.0 - ratio, 3)
        with self.step("import"), engine_answers(ratio):
            imports.attach(
                spectrum=spectrum, filename="result.table", content=str(ratio).encode(), by=self.world.imaging_analyst
            )

    def requantified(self) -> None:
        """Quantify the study again under an exploratory version; one run ends, the others wait, a version is idle."""
        with self.step("exploratory version"):
            other = protocols.drafted(self.world, is_exploratory=True, snr_min=45.0)
        with self.step("batch"):
            batch = requantification.start(protocol=other, by=self.world.imaging_analyst)
        run = batch.runs.order_by("pk").first()
        with self.step("fit of the batch"), database_role("portal_worker"), engine_answers(1.3):
            fitting.process(run_id=run.pk)
        with self.step("idle version"):
            protocols.drafted(self.world, is_exploratory=True, snr_min=30.0)

    # Ratings

    def assigned(self, session: StudySession, timepoint: str, rater: User) -> RatingAssignment:
        """Put a MADRS on a rater's list."""
        with self.step(f"assign {session.pk} {timepoint}"):
            assessment = AssessmentSchedule.objects.get(study=self.world.study, instrument="MADRS", timepoint=timepoint)
            return assign(session=session, assessment=assessment, rater=rater, by=self.world.coordinator)

    def rated(
        self,
        session: StudySession,
        timepoint: str,
        rater: User,
        *,
        shift: int = 0,
        signed: bool = True,
        alarming: bool = False,
    ) -> Rating:
        """Return a rating, signed unless said otherwise."""
        assignment = self.assigned(session, timepoint, rater)
        if self.plan.outcomes != "base" and signed:
            shift = -shift - 1
        values = {item: max(0, min(6, value + shift)) for item, value in SCORES.items()}
        values[10] = 5 if alarming else SCORES[10]
        with self.step(f"rate {session.pk} {timepoint}"):
            rating = drafts.start(assignment=assignment, source="during", by=rater)
        with self.step(f"answers {session.pk} {timepoint}"):
            answers = [
                drafts.Change(seq=item, item=item, field="value", value=str(value)) for item, value in values.items()
            ]
            saved = drafts.save_changes(rating=rating, client="suite", known_version=1, changes=answers, by=rater)
            if saved.safety:
                alerts.acknowledge_as_rater(rating=rating, by=rater)
            if signed:
                signing.sign(
                    rating=rating, known_version=saved.version, ended_at=self.moment, source="during",
                    password=PASSWORD, by=rater,
                )  # fmt: skip
        return rating


def tell(plan: Plan) -> tuple[dict[str, str], dict[str, str], dict[str, str], dict[str, list[str]]]:
    """Tell the story; return sequences by participant and by number, the API keys, and what URLs may name."""
    story = Story(plan)
    story.prepare()
    world: World = story.world
    day = BEGIN + datetime.timedelta(days=1)

    first = story.randomized("one")
    second = story.randomized("two")
    third = story.randomized("three", sex="M")
    south = story.randomized("four", site=world.other_site)
    left = story.randomized("five", sex="M", site=world.other_site)
    story.eligible("six")
    story.eligible("seven", sex="M", site=world.other_site)
    story.eligible("eight", signed=False)
    story.screened("nine")

    one = story.held(first, 1, day)
    two = story.held(first, 2, day + datetime.timedelta(days=21))
    three = story.held(second, 1, day + datetime.timedelta(days=1))
    other = story.held(south, 1, day + datetime.timedelta(days=3))
    running = story.begun(third, 1, NOW - datetime.timedelta(hours=3), infused=False)
    story.moment = NOW - datetime.timedelta(minutes=50)

    story.event(one, "Nausea", "mild")
    story.event(running, "Dizziness", "moderate")
    for session, ratio in ((one, 1.21), (two, 1.34), (three, 1.27)):
        story.spectrum(session, ratio)
    story.spectrum(running, 1.0, fitted=False)
    story.imported(one.spectra.first(), 1.4)
    story.requantified()
    with story.step("review"):
        quantification.review(
            run=one.spectra.first().runs.first(), decision="accept", comment="", by=world.imaging_analyst
        )
    story.rated(one, "pre_dose", world.rater)
    story.rated(one, "day_1", world.second_rater, shift=-1)
    story.rated(two, "pre_dose", world.second_rater, shift=1, alarming=True)
    story.rated(two, "day_1", world.rater, signed=False)
    story.assigned(three, "pre_dose", world.rater)
    story.rated(other, "pre_dose", world.second_rater, shift=-1)
    story.rated(other, "day_1", world.rater)
    with story.step("announce"):
        abc = Announced(filename="scan.nii.gz", size_bytes=3, sha256=hashlib.sha256(b"abc").hexdigest())
        uploads.announce(session=running, kind="water", file=abc, by=world.coordinator)
        uploads.announce(session=three, kind="water", file=abc, by=world.imaging_analyst)
    with story.step("withdraw"):
        withdraw(
            participant=left, reason="participant", note="", withdrawn_on=story.moment.date(), by=world.coordinator
        )
    with story.step("unblinding"), standing_at("vault"):
        tell_of_unblinding(
            second, reason_words="medical emergency", who="Revealed to Pharmacist at the unblinded door.",
            recorded_by=world.pharmacist, at=story.moment,
        )  # fmt: skip
    with story.step("delivery"):
        ask_for_delivery(
            participant=first, reason_code="emergency", reason="Seizure, ward 7", recipient_name="Wren Ward",
            recipient_email="wren@hospital.example", password=PASSWORD, by=world.investigator,
        )  # fmt: skip
    with story.step("other study"):
        screen(
            study=world.other_study, site=world.other_study.sites.get(code="01"), sex="F", by=world.outsider,
            person=Person(full_name="Sam Elsewhere", born_on=datetime.date(1990, 1, 2)),
        )  # fmt: skip
    with story.step("first signature of the lock"):
        questions = open_counts(questions_of(world.study))
        study_lock.ask(
            study=world.study, reason="As told", open_questions=questions, password=PASSWORD, by=world.data_manager
        )
    keys = {}
    for role in Role:
        if role not in UNBLINDED_ROLES and Permission.DATA_EXPORT in ROLE_PERMISSIONS[role]:
            with story.step(f"token {role}"):
                keys[role.value] = tokens.issue(
                    study=world.study, door="web", name="suite", days=30, by=world.people[role.value]
                )[1]
    with story.step("reveal"), standing_at("vault"):
        slots = {slot.number: open_slot(slot).sequence for slot in ListSlot.objects.select_related("stratum__list")}
        taken = Participant.objects.exclude(randomization_number="")
        sequences = {p.number: slots[p.randomization_number] for p in taken.order_by("number")}
    return sequences, slots, keys, values_of(world)


def values_of(world: World) -> dict[str, list[str]]:
    """Return what URL parameters may name."""
    from ratings.models import SafetyAlert
    from sessions.models import AnalysisProtocol, OutboxMessage, QuantificationRun, Requantification, Upload
    from studyportal.accounts.models import ApiToken, StudyMembership

    def ids(found: Any) -> list[str]:
        return [str(value) for value in found]

    return {
        "number": ids(
            Participant.objects.filter(study=world.study).order_by("number").values_list("number", flat=True)
        ),
        "code": ids(RatingAssignment.objects.order_by("rater__username", "-status").values_list("code", flat=True)),
        "spectrum": ids(Spectrum.objects.order_by("-uploaded_at", "pk").values_list("pk", flat=True)),
        "run": ids(QuantificationRun.objects.order_by("-queued_at", "pk").values_list("pk", flat=True)),
        "upload": ids(Upload.objects.order_by("-created_at", "pk").values_list("pk", flat=True)),
        "alert": ids(SafetyAlert.objects.order_by("raised_at").values_list("pk", flat=True)),
        "prefix": ids(ApiToken.objects.order_by("created_at", "pk").values_list("prefix", flat=True)),
        "membership": ids(StudyMembership.objects.order_by("started_at", "pk").values_list("pk", flat=True)[:2]),
        "basis": ids(BasisSet.objects.values_list("pk", flat=True)),
        "version": ids(AnalysisProtocol.objects.order_by("version").values_list("version", flat=True)),
        "act": ids(StudyLock.objects.order_by("asked_at").values_list("pk", flat=True)),
        "message": ids(OutboxMessage.objects.order_by("queued_at", "pk").values_list("pk", flat=True)),
        "batch": ids(Requantification.objects.values_list("pk", flat=True)),
    }
