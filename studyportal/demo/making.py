"""Makes the demo study in an empty portal, as the blinded web login."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from studyportal import clock
from studyportal.accounts.models import User
from studyportal.audit.context import acting
from studyportal.demo import design, journey
from studyportal.demo.outcomes import Outcome
from studyportal.demo.plan import DAY, SCREENING_DAYS_BEFORE, Plan, make_plans
from studyportal.studies.models import Study

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Asks the vault's half: an act and its request in, an answer out."""
MAKER = "system:demo"
MANAGE = Path(settings.BASE_DIR) / "manage.py"
SLOTS_PER_STRATUM = 20
KITS_OF_EACH = {"full": 24, "small": 10}


def make_demo(size: str, *, password: str, say: Callable[[str], None], ask: Ask | None = None) -> Study:
    """Make everything but the spectra; return the study."""
    now = clock.now()
    plans = make_plans(size, today=now.date())
    opens = plans[0].first_on - (SCREENING_DAYS_BEFORE + 14) * DAY
    with acting(MAKER), clock.at(journey.moment(opens, 9)):
        study = design.make_study(
            recruitment_starts_on=opens, recruitment_ends_on=now.date() + 90 * DAY, target=32 if size == "full" else 8
        )
        people = design.make_people(study, password=password, unblinded=False)
        design.make_bases(study, by=people["imaging"])
        design.make_protocol(
            study, drafted_by=people["imaging"], signed_by=people["investigator"], password=password
        )  # fmt: skip
    (ask or at_the_vault)("people", {"password": password})
    say("Randomization list: generated, accepted, approved, published and opened at the vault ...")
    (ask or at_the_vault)(
        "list",
        {
            "at": journey.moment(opens + DAY, 9).isoformat(), "slots": SLOTS_PER_STRATUM, "password": password,
        },
    )  # fmt: skip
    for person in people.values():
        remember_password(person)
    cast = journey.Cast(study, people, password)
    say("Participants: screening, consent, eligibility, randomization ...")
    journey.perform((act for plan in plans for act in journey.enrolment(cast, plan)), until=now)
    keep_people(cast, plans)
    outcomes = outcomes_of(people_on_file(), ask=ask)
    say("Sessions and ratings ...")
    for plan in plans:
        participant = cast.participants.get(plan.person.position)
        if participant is not None and participant.pk in outcomes:
            journey.perform(journey.sessions(cast, plan, outcomes[participant.pk]), until=now)
    say("Kits: shipped, received and dispensed at the vault ...")
    (ask or at_the_vault)("kits", {"password": password, "each": KITS_OF_EACH[size]})
    return study


def keep_people(cast: journey.Cast, plans: list[Plan]) -> None:
    """Note who is who of the generator's people: drawn before anybody was allocated, so it tells nothing."""
    place = _people_file()
    place.touch(mode=0o600)
    place.write_text(
        json.dumps([
            {
                "id": str(cast.participants[plan.person.position].pk), "position": plan.person.position,
                "sex": plan.person.sex.value, "age": plan.person.age, "days": plan.person.session_days,
            }
            for plan in plans
            if plan.person.position in cast.participants
        ])
    )  # fmt: skip


def people_on_file() -> list[dict[str, Any]]:
    """Return who is who of the generator's people."""
    return list(json.loads(_people_file().read_text()))


def outcomes_of(people: list[dict[str, Any]], *, ask: Ask | None = None) -> dict[UUID, list[Outcome]]:
    """Ask the vault for the outcomes of those who are allocated."""
    answer = (ask or at_the_vault)("outcomes", {"people": people})
    return {UUID(key): [Outcome.from_document(row) for row in rows] for key, rows in answer.items()}


def at_the_vault(act: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run one act of the vault's half in a process of its own, with the vault's login."""
    answer = subprocess.run(
        [sys.executable, str(MANAGE), "demo_vault", act], input=json.dumps(request), capture_output=True, text=True,
        check=False, env={**os.environ, "PORTAL_PROCESS": "vault"},
    )  # fmt: skip
    if answer.returncode:
        msg = f"the vault's half failed at '{act}':\n{answer.stderr}"
        raise RuntimeError(msg)
    return dict(json.loads(answer.stdout))


def remember_password(user: User) -> None:
    """Verify a person's password once and then by the cached answer: signing hundreds of times costs minutes else."""
    user.check_password = functools.cache(user.check_password)  # type: ignore[method-assign]  # of this instance only


def is_empty() -> bool:
    """Whether the portal holds no study and no person yet."""
    return not Study.objects.exists() and not User.objects.exists()


def _people_file() -> Path:
    return Path(settings.PORTAL_DATA) / "demo_people.json"
