"""The command line: `python -m sessions.mrs quantify|convert`. One JSON object on standard output."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sessions.mrs.errors import MrsError
from sessions.mrs.settings import Settings

REFUSED = 2
# One thread: matrices are small, and the last digit then does not depend on the machine's number of cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0, or 2 with an error object."""
    given = _parser().parse_args(arguments)
    try:
        document = given.run(given)
    except MrsError as error:
        print(json.dumps(error.document()))
        return REFUSED
    except MemoryError:
        print(json.dumps(MrsError("data-too-large", "The file needs more memory than a spectrum may take.").document()))
        return REFUSED
    print(json.dumps(document, allow_nan=False) if given.json else _text(document))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sessions.mrs", description="Quantify single-voxel 1H spectra.")
    commands = parser.add_subparsers(required=True)
    quantify = commands.add_parser("quantify", help="fit a spectrum and print ratios with their bounds")
    quantify.add_argument("file", type=Path)
    quantify.add_argument("--water", type=Path, help="water reference of the same acquisition")
    quantify.add_argument(
        "--basis", required=True, help=".BASIS file, folder, or sim:press:TE1,TE2@3T, sim:steam:TE,TM@7T"
    )
    quantify.add_argument(
        "--macromolecules", type=Path, help="measured macromolecules (NIfTI-MRS) instead of modelled ones"
    )
    quantify.add_argument("--settings", help="JSON object of settings that differ from the defaults")
    quantify.add_argument("--blocks", default="auto", help="auto, none, or a number of blocks of transients")
    quantify.add_argument("--curves", type=Path, help="write the curves of the fit here")
    quantify.add_argument("--progress", action="store_true", help="report stages on standard error")
    quantify.add_argument("--json", action="store_true", help="print one JSON object")
    quantify.set_defaults(run=_quantify)
    convert = commands.add_parser("convert", help="write a fresh, de-identified NIfTI-MRS file")
    convert.add_argument("file", type=Path)
    convert.add_argument("--companion", type=Path, help="the SPAR of an SDAT")
    convert.add_argument("--out", type=Path, required=True)
    convert.add_argument("--json", action="store_true", help="print one JSON object")
    convert.set_defaults(run=_convert)
    return parser


def _quantify(given: argparse.Namespace) -> dict[str, Any]:
    from sessions.mrs.pipeline import quantify  # noqa: PLC0415 - numpy and scipy load only when used

    result = quantify(
        given.file,
        basis=given.basis,
        water=given.water,
        settings=Settings.from_json(given.settings) if given.settings else Settings(),
        blocks=given.blocks,
        macromolecules=given.macromolecules,
        progress=_reporter() if given.progress else None,
    )
    if given.curves is not None:
        given.curves.write_text(json.dumps(result.curves, allow_nan=False))
    return result.document


def _convert(given: argparse.Namespace) -> dict[str, Any]:
    from sessions.mrs.conversion import convert  # noqa: PLC0415 - as above

    converted = convert(given.file, out=given.out, companion=given.companion)
    return {"header": converted.header, "sha256": converted.sha256}


def _reporter() -> Callable[[str, float], None]:
    def report(stage: str, fraction: float) -> None:
        print(json.dumps({"stage": stage, "fraction": round(fraction, 3)}), file=sys.stderr, flush=True)

    return report


def _text(document: dict[str, Any]) -> str:
    """Return a table for people."""
    if "ratios" not in document:
        return json.dumps(document, indent=2)
    lines = [f"{'ratio':<12}{'value':>10}{'CRLB %':>10}"]
    for name, ratio in document["ratios"].items():
        value, bound = ratio["value"], ratio["crlb_percent"]
        lines.append(f"{name:<12}{_cell(value, 4):>10}{_cell(bound, 1):>10}")
    quality = document["quality"]
    lines.append(f"SNR {quality['snr']}, FWHM {quality['fwhm_hz']} Hz, fitted in {document['seconds']} s")
    lines += document["flags"]
    return "\n".join(lines)


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
