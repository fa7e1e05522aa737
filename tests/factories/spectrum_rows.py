"""Spectra with finished runs as rows, without a file or a worker: what datasets and figures read."""

import hashlib
from collections.abc import Sequence

from sessions.analysis_protocols import named
from sessions.analysis_terms import Terms
from sessions.models import (
    AnalysisProtocol,
    BasisSet,
    MetaboliteEstimate,
    QuantificationResult,
    QuantificationReview,
    QuantificationRun,
    Spectrum,
    StudySession,
    Upload,
)
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.studies.models import Study
from tests.factories.world import World

BLOCKS = ((-4.0, 1.2), (4.0, 1.3))
"""Minutes from the infusion's start and the block's Glx/tNAA."""


def quantified(
    world: World,
    session: StudySession,
    *,
    whole: float = 1.25,
    blocks: Sequence[tuple[float, float]] = BLOCKS,
    snr: float = 41.0,
    is_usable: bool = True,
) -> QuantificationRun:
    """Return a finished run of a new spectrum of the session."""
    digest = hashlib.sha256(f"{session.pk}{session.spectra.count()}".encode()).hexdigest()
    upload = Upload.objects.create(
        session=session, suffix=".nii.gz", size_bytes=9, received_bytes=9, sha256=digest,
        created_by=world.imaging_analyst, completed_at=clock.now(),
    )  # fmt: skip
    spectrum = Spectrum.objects.create(
        session=session, upload=upload, kind="metabolite", ordinal=session.spectra.count() + 1,
        original_sha256=digest, status="stored", stored_sha256=digest, stored_bytes=9,
        uploaded_by=world.imaging_analyst,
    )  # fmt: skip
    return _finished(world, spectrum, ordinal=1, whole=whole, blocks=blocks, snr=snr, is_usable=is_usable)


def signed(world: World, basis: BasisSet) -> AnalysisProtocol:
    """Return the study's signed analysis protocol for the engine of these rows."""
    known = AnalysisProtocol.objects.filter(study=world.study, signed_at__isnull=False).first()
    if known is not None:
        return known
    terms = Terms(primary_ratio="Glx/tNAA", bases=(named(basis),), engine_version="1")
    return signed_with(world.study, terms, by=world.investigator)


def signed_with(study: Study, terms: Terms, *, by: User) -> AnalysisProtocol:
    """Return a signed version of a study's protocol with these terms."""
    made = AnalysisProtocol.objects.create(
        study=study, version=1, terms=terms.document(), terms_sha256="t" * 64, reason="For this test", drafted_by=by
    )
    made.signature = signatures.sign(
        by=by, meaning="Approved", record_label="analysis protocol", record_id=made.pk, content=terms.document(),
        time_zone="UTC",
    )  # fmt: skip
    made.signed_at = made.signature.signed_at
    made.save()
    return made


def rerun(world: World, *, verdicts: Sequence[str] = ()) -> QuantificationRun:
    """Return a second finished run of the only spectrum, with reviews."""
    spectrum = Spectrum.objects.get(session__participant__study=world.study)
    run = _finished(world, spectrum, ordinal=2, whole=1.25, blocks=BLOCKS, snr=41.0, is_usable=True)
    for decision in verdicts:
        QuantificationReview.objects.create(run=run, decision=decision, reviewed_by=world.imaging_analyst)
    return run


def _finished(
    world: World,
    spectrum: Spectrum,
    *,
    ordinal: int,
    whole: float,
    blocks: Sequence[tuple[float, float]],
    snr: float,
    is_usable: bool,
) -> QuantificationRun:
    basis, _ = BasisSet.objects.get_or_create(
        study=world.study, name="Simulated PRESS",
        defaults={"simulation": "press:30", "uploaded_by": world.imaging_analyst},
    )  # fmt: skip
    run = QuantificationRun.objects.create(
        spectrum=spectrum, ordinal=ordinal, basis=basis, settings_sha256=f"{ordinal:064x}", engine_version="1",
        state="done", requested_by=world.imaging_analyst, finished_at=clock.now(), protocol=signed(world, basis),
    )  # fmt: skip
    document = {
        "ratios": {"Glx/tNAA": {"value": whole, "crlb_percent": 4.0}},
        "quality": {"snr": snr, "fwhm_hz": 5.5},
        "blocks": [
            {"block": number, "minutes_from_start": minutes, "quality": {"snr": 20.0, "fwhm_hz": 5.5}}
            for number, (minutes, _) in enumerate(blocks)
        ],
    }
    result = QuantificationResult.objects.create(
        run=run, document=document, curves_sha256="c" * 64, is_usable=is_usable, seconds=0.1
    )
    MetaboliteEstimate.objects.create(result=result, quantity="ratio", name="Glx/tNAA", value=whole, crlb_percent=4.0)
    for number, (minutes, value) in enumerate(blocks):
        MetaboliteEstimate.objects.create(
            result=result, block=number, minutes_from_infusion=minutes, quantity="ratio", name="Glx/tNAA",
            value=value, crlb_percent=9.0,
        )  # fmt: skip
    return run
