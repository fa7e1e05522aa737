"""Answers that the engine's sandbox gives at once; the job code around them is the real one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sessions.services import sandbox
from tests.factories import functional

RATIOS = {"Glx/tNAA": 0.0, "Glu/tCr": 0.2, "Gln/tCr": -0.8, "tNAA/tCr": 0.3, "Ins/tCr": -0.4}


@contextmanager
def engine_answers(ratio: float) -> Iterator[None]:
    """Let the sandbox answer at once; everything around it is the real job."""
    real = sandbox.engine

    def engine(arguments: list[str | Path], **_: object) -> dict[str, Any]:
        if arguments[0] == "convert":
            Path(arguments[arguments.index("--out") + 1]).write_bytes(b"converted " + Path(arguments[1]).read_bytes())
            return {"header": {"SpectrometerFrequency": [127.7], "EchoTime": 0.03, "RepetitionTime": 2.0}}
        if arguments[0] == "import":
            return imported(ratio)
        Path(arguments[arguments.index("--curves") + 1]).write_text(json.dumps(curves(ratio)))
        return document(ratio)

    sandbox.engine = engine
    try:
        yield
    finally:
        sandbox.engine = real


def imported(ratio: float) -> dict[str, Any]:
    """Return what the engine reads in another program's table."""
    told = {"column": "/Cr+PCr", "value": str(ratio), "unit": "ratio", "reference": "Cr+PCr", "sd": ""}
    return {
        "imported": True, "program": "LCModel", "version": "6.3-1R", "format": "LCModel table",
        "metabolites": [{"name": "Glu", "percent_sd": "4", "estimates": [told], "quality": {}}], "quality": {},
        "warnings": [],
    }  # fmt: skip


def curves(ratio: float) -> dict[str, Any]:
    """Return the curves of a fit, few and round."""
    line = [round(ratio * k / 10, 4) for k in range(11)]
    return {
        "ppm": [4.0 - 0.3 * k for k in range(11)], "data": line, "fit": line, "baseline": [0.0] * 11,
        "residual": [0.0] * 11, "components": {"NAA": line, "Glu": line},
        "transients": {
            "ppm": [4.0, 3.0, 2.0], "numbers": [1, 2], "is_kept": [True, False], "before": [[0.1, 0.4, 1.0]] * 2,
            "after": [[0.1, 0.4, 1.0]] * 2,
        },
    }  # fmt: skip


def document(ratio: float) -> dict[str, Any]:
    """Return the engine's answer."""
    quality = {"snr": 41.0, "fwhm_hz": 5.5, "water_suppressed": True}
    part = {
        "metabolites": {"NAA": {"amplitude": 8.1, "crlb_percent": 2.0}, "Glu": {"amplitude": 9.2, "crlb_percent": 4.0}},
        "ratios": {
            name: {"value": round(ratio + shift, 3), "crlb_percent": 4.0}
            for name, shift in RATIOS.items()
        },
        "quality": quality,
    }  # fmt: skip
    return part | {
        "series": [functional.part(0, [0], ratio), functional.part(1, [1], round(ratio + 0.05, 3))],
        "functional": functional.OUTCOMES,
        "transients": {"count": 3, "shift_hz": [-1.0, 0.5, 0.5], "phase_deg": [3.0, -1.0, -2.0], "rejected": [2]},
        "sensitivity": {"Glx/tNAA": [ratio - 0.1, ratio + 0.1]}, "flags": [], "engine_version": "1",
        "settings_sha256": "0" * 64, "seconds": 0.4,
        "blocks": [
            part | {"block": k, "minutes_from_start": 5.0 * k, "quality": quality} for k in range(4)
        ],
    }  # fmt: skip
