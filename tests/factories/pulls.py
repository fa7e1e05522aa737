"""A study with one row in every table of the API, and tokens for it."""

import datetime
import hashlib
import uuid
from dataclasses import dataclass

from participants.models import Participant
from sessions.models import (
    BasisSet,
    FunctionalResult,
    MetaboliteEstimate,
    QuantificationResult,
    QuantificationRun,
    Spectrum,
    StudySession,
    Upload,
)
from sessions.models import ProtocolDeviation as Deviation
from sessions.services.safety import report_adverse_event
from studyportal import clock
from studyportal.accounts import tokens
from studyportal.accounts.models import User
from studyportal.accounts.roles import UNBLINDED_ROLES, Role
from studyportal.studies.models import Study
from tests.conftest import standing_at
from tests.factories import functional, journey
from tests.factories.world import World


@dataclass(frozen=True)
class Filled:
    """What `fill` made."""

    north: Participant
    south: Participant
    session: StudySession


def fill(world: World) -> Filled:
    """Randomize one participant a site; hold the northern one's first session with a row in every table."""
    journey.activate_list(world)
    north = journey.randomized(world)
    south = journey.randomized(world, sex="M", site=world.other_site)
    session = journey.held(world, north)
    for timepoint in ("pre_dose", "day_1"):
        journey.rated(world, journey.assigned(world, session, timepoint))
    report_adverse_event(
        session=session, term="=Nausea", severity="mild", is_serious=False,
        started_at=clock.now() - datetime.timedelta(hours=2), by=world.coordinator,
    )  # fmt: skip
    Deviation.objects.create(
        participant=north, code="visit_late", description="Came a day late", occurred_at=clock.now(),
        recorded_by=world.coordinator,
    )  # fmt: skip
    quantified(world, session)
    return Filled(north=north, south=south, session=session)


def quantified(
    world: World, session: StudySession, value: float = 1.25, *, is_functional: bool = True
) -> QuantificationRun:
    """Store a spectrum with a finished run of one ratio, as the worker would."""
    by = world.imaging_analyst
    digest = hashlib.sha256(session.pk.bytes).hexdigest()
    upload = Upload.objects.create(session=session, suffix=".nii.gz", size_bytes=1, sha256=digest, created_by=by)
    spectrum = Spectrum.objects.create(
        session=session, upload=upload, kind="metabolite", ordinal=1, original_sha256=digest, uploaded_by=by
    )
    basis, _ = BasisSet.objects.get_or_create(
        study=world.study, name="PRESS 3 T", defaults={"simulation": "sim:press", "uploaded_by": by}
    )
    run = QuantificationRun.objects.create(
        spectrum=spectrum, ordinal=1, basis=basis, settings_sha256=digest, engine_version="1", requested_by=by,
        state=QuantificationRun.State.DONE, finished_at=clock.now(),
    )  # fmt: skip
    document = {"quality": {"snr": 40.5, "fwhm_hz": float(5)}, "transients": functional.TRANSIENTS}
    result = QuantificationResult.objects.create(
        run=run, document=document, curves_sha256=digest, is_usable=True, seconds=1.0
    )
    MetaboliteEstimate.objects.create(result=result, quantity="ratio", name="Glx/tNAA", value=value, crlb_percent=4.0)
    if is_functional:
        FunctionalResult.objects.create(result=result, series=functional.SERIES, outcomes=functional.OUTCOMES, rows=4)
    return run


def token_for(user: User, study: Study, door: str = "web") -> str:
    """Return a new token's secret."""
    with standing_at(door):
        return tokens.issue(study=study, door=door, name="suite", days=1, by=user)[1]


WHY = {"reason_code": "analysis", "reason": "interim analysis"}
"""What a pull at the unblinded door must say."""


def why(door: str) -> dict[str, str]:
    """Return what a pull at a door says beside its filters."""
    return WHY if door == "vault" else {}


def bearer(key: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"HTTP_AUTHORIZATION": f"Bearer {key}"}


def stored_token(user: User, study: Study, door: str, **values: object) -> str:
    """Store a token without asking whether the person's role includes it, as one from an earlier role would be."""
    key = f"sp_{uuid.uuid4().hex[:8]}_{uuid.uuid4().hex}"
    fields = {"expires_at": clock.now() + datetime.timedelta(days=1), **values}
    with standing_at(door):
        user.api_tokens.create(
            study=study,
            door=door,
            name="suite",
            prefix=key[3:11],
            digest=hashlib.sha256(key.encode()).hexdigest(),
            **fields,
        )
    return key


def door_of(role: Role) -> str:
    """Return the door of a role's side of the blind."""
    return "vault" if role in UNBLINDED_ROLES else "web"
