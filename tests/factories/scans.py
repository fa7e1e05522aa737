"""Spectra of a held session: uploaded, stored without the engine, finished with a given document."""

import json
import math
from typing import Any
from zoneinfo import ZoneInfo

from sessions.models import BasisSet, QuantificationRun, Spectrum, StudySession, Upload
from sessions.services import fitting, jobs, originals, store, uploads
from tests.factories import journey
from tests.factories.world import World

HEADER = {"SpectrometerFrequency": [123.2], "ResonantNucleus": ["1H"], "EchoTime": 0.035, "RepetitionTime": 2.0}
RATIOS = {
    "Glu/tCr": (1.229, 4.1), "Gln/tCr": (0.139, 22.0), "Glx/tCr": (1.368, 4.4), "tNAA/tCr": (1.427, 2.0),
    "Ins/tCr": (0.792, 4.0), "Glx/tNAA": (0.959, 4.6),
}  # fmt: skip
CURVES = {
    "ppm": [4.0 - 0.05 * step for step in range(73)],
    "data": [math.exp(-((4.0 - 0.05 * step - 2.01) ** 2) / 0.005) for step in range(73)],
    "fit": [math.exp(-((4.0 - 0.05 * step - 2.01) ** 2) / 0.005) for step in range(73)],
    "baseline": [0.0] * 73,
    "residual": [0.0] * 73,
    "components": {"NAA": [0.1] * 73},
}


def document(*, blocks: int = 0, snr: float = 47.0, fwhm_ppm: float = 0.041) -> dict[str, Any]:
    """Return what the engine prints, with the numbers of a good 3 T spectrum."""
    found = {
        "metabolites": {
            "NAA": {"amplitude": 11.8, "crlb_percent": 2.0}, "Gln": {"amplitude": 2.3, "crlb_percent": 22.0},
        },
        "ratios": {name: {"value": value, "crlb_percent": crlb} for name, (value, crlb) in RATIOS.items()},
        "quality": {"snr": snr, "fwhm_hz": fwhm_ppm * 123.2, "fwhm_ppm": fwhm_ppm},
        "sensitivity": {"Glx/tNAA": [0.92, 1.01]},
        "flags": ["Gln: CRLB above 20 %"],
        "engine_version": "1.0.0",
        "settings_sha256": "0" * 64,
        "seconds": 0.04,
    }  # fmt: skip
    if blocks:
        found["blocks"] = [
            {
                "block": block, "minutes_from_start": 4.0 + 8.0 * block, "metabolites": {}, "quality": {},
                "ratios": {"Glx/tNAA": {"value": 0.9 + 0.02 * block, "crlb_percent": 5.0}},
            }
            for block in range(blocks)
        ]  # fmt: skip
    return found


def make_basis(world: World, *, tesla: float = 3.0, is_default: bool = True) -> BasisSet:
    """Add a simulated basis set."""
    return BasisSet.objects.create(
        study=world.study, name=f"Simulated {tesla:g} T", field_tesla=tesla, echo_time_ms=35.0, is_default=is_default,
        simulation="sim:press:17.5,17.5@3T" if tesla < 5 else "sim:steam:11,17@7T", uploaded_by=world.imaging_analyst,
    )  # fmt: skip


def held_session(world: World, **place: Any) -> StudySession:
    """Hold a session of a new participant; the list is activated by the caller."""
    return journey.held(world, journey.randomized(world, **place))


def uploaded(
    world: World, session: StudySession, content: bytes = b"spectrum", kind: str = Upload.Kind.METABOLITE, **more: Any
) -> Spectrum:
    """Upload bytes as the imaging analyst; they need not be a spectrum."""
    return uploads.store_upload(
        session=session, kind=kind, filename="any name.nii.gz", content=content, by=world.imaging_analyst, **more
    )


def stored(spectrum: Spectrum) -> Spectrum:
    """Store a spectrum as if the engine had converted it."""
    spectrum.status, spectrum.header = Spectrum.Status.STORED, HEADER
    spectrum.stored_sha256, spectrum.stored_bytes = store.put(b"NIfTI of " + str(spectrum.pk).encode()), 45
    spectrum.save()
    originals.remove_raw(upload=spectrum.upload)
    return spectrum


def finished(world: World, spectrum: Spectrum, found: dict[str, Any] | None = None) -> QuantificationRun:
    """Finish a spectrum's latest run with a document, through the lease, as a worker does."""
    stored(spectrum)
    run = spectrum.runs.latest("ordinal")
    run.basis = world.study.basis_sets.get(is_default=True)
    run.save()
    lease = jobs.claim(run.pk)
    assert lease is not None
    fitting._commit(lease, found or document(), json.dumps(CURVES).encode())
    run.refresh_from_db()
    return run


def sent(hooks: list[Any]) -> list[str]:
    """Return the run ids that captured commit hooks would send to the queue."""
    senders = [hook for hook in hooks if hook.__qualname__.startswith("_sender")]
    return [cell.cell_contents for hook in senders for cell in hook.__closure__]


def started(session: StudySession) -> str:
    """Return a scan's start as somebody would type it: a time of the session's day that is over at any hour."""
    zone = ZoneInfo(session.participant.site.time_zone)
    return f"{session.started_at.astimezone(zone):%H:%M}"
