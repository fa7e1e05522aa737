"""The command line: `python -m sessions.mrs quantify|simulate|convert|basis|import|lcmodel|bench`.

One JSON object on standard output; exit code 0, or 2 with an error object.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sessions.mrs.arguments import Document, Namespace, make_parser
from sessions.mrs.errors import MrsError
from sessions.mrs.settings import Settings

REFUSED = 2
# One thread: matrices are small, and the last digit then does not depend on the machine's number of cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0, or 2 with an error object."""
    try:
        given = make_parser().parse_args(arguments)
        document = COMMANDS[given.command](given)
    except MrsError as error:
        print(json.dumps(error.document()))
        return REFUSED
    except MemoryError:
        print(json.dumps(MrsError("data-too-large", "The file needs more memory than a spectrum may take.").document()))
        return REFUSED
    except OSError:
        # No permission, a name that is too long, a disk that is full: the system's words may hold the file's name.
        print(json.dumps(MrsError("file-unreadable", "A file cannot be read or written. Choose another.").document()))
        return REFUSED
    print(json.dumps(document, allow_nan=False) if given.json else _text(document))
    return 0


# Modules with numpy and scipy load only when a command uses them.


def _quantify(given: Namespace) -> Document:
    from sessions.mrs.opening import opened, untold  # noqa: PLC0415 - see above

    blocks_file = _blocks_file(given.blocks)
    settings = Settings.from_json(given.settings) if given.settings else Settings()
    tell = _reporter() if given.progress else untold
    files = opened(
        given.file,
        basis=given.basis,
        water=given.water,
        settings=settings,
        blocks="auto" if blocks_file else given.blocks,
        condition=given.condition,
        tell=tell,
    )
    # The engine takes longer to load than most bad files to be refused.
    from sessions.mrs.concentration import Scaling, Tissue  # noqa: PLC0415 - see above
    from sessions.mrs.pipeline import quantify_opened  # noqa: PLC0415 - see above

    result = quantify_opened(
        files,
        settings=settings,
        macromolecules=given.macromolecules,
        functional=_functional(given, blocks_file),
        scaling=Scaling(Tissue(*given.tissue) if given.tissue else None, given.unit, given.water_mmol),
        progress=tell,
    )
    if given.curves is not None:
        _write(given.curves, json.dumps(result.curves, allow_nan=False).encode())
    return result.document


def _blocks_file(blocks: str) -> Path | None:
    """Return the file that `--blocks` names; None for its words and numbers."""
    if blocks in {"auto", "none"} or blocks.lstrip("-").isdigit():
        return None
    if not Path(blocks).is_file():
        raise MrsError(
            "blocks-invalid", "Blocks are auto, none, a number, or a file that lists them; there is no such file."
        )
    return Path(blocks)


def _functional(given: Namespace, blocks_file: Path | None) -> Any:  # Any: the class loads with numpy
    """Return what is asked of a series; None when nothing is."""
    from sessions.mrs.functional import FunctionalOptions  # noqa: PLC0415 - see above

    if given.step is not None and given.window is None:
        raise MrsError("options-invalid", "A step needs a window: give --window N too.")
    asked = (given.window, given.per_transient, blocks_file, given.events, given.dose)
    if not any(asked):
        if given.contrast:
            raise MrsError("options-invalid", "A contrast needs a schedule of events or a dose.")
        return None
    return FunctionalOptions(
        window=given.window,
        step=given.step or 1,
        per_transient=given.per_transient,
        blocks=blocks_file,
        events=given.events,
        repetition_s=given.tr,
        dose_minutes=given.dose,
        response=given.response,
        drift_order=given.drift,
        linewidth=given.linewidth,
        contrasts=tuple(given.contrast),
    )


def _simulate(given: Namespace) -> Document:
    if given.what != "series":
        return _simulate_basis(given)
    from sessions.mrs.synthetic import SYNTHETIC_BASIS, simulate_functional  # noqa: PLC0415 - see above

    if not given.ratios:
        raise MrsError("options-invalid", "A series needs its truth: give --ratios 1.2,1.25,1.3")
    if len(given.ratios) * given.transients_per_block > MOST_SIMULATED:
        raise MrsError("options-invalid", f"A simulated series has at most {MOST_SIMULATED} transients.")
    content = simulate_functional(
        given.ratios,
        seed=given.seed,
        transients_per_block=given.transients_per_block,
        snr=given.snr,
        linewidth_hz=given.linewidth,
        block_minutes=given.block_minutes,
        first_minutes=given.first_minutes,
        drift_hz=given.drift,
        water_residual=given.water_residual,
    )
    _write(given.out, content)
    return {
        "synthetic": True,
        "basis": SYNTHETIC_BASIS,
        "truth": {"Glx/tNAA": given.ratios},
        "transients": len(given.ratios) * given.transients_per_block,
    }


def _simulate_basis(given: Namespace) -> Document:
    from sessions.mrs.basis import Component  # noqa: PLC0415 - see above
    from sessions.mrs.basis_loading import load_basis  # noqa: PLC0415 - see above
    from sessions.mrs.basis_summary import lcmodel_text  # noqa: PLC0415 - see above

    if not given.what.lower().startswith("sim:"):
        raise MrsError("options-invalid", "Simulate `series`, or a basis set written like sim:press:11,19@3T.")
    if not 256 <= given.points <= 16384:
        raise MrsError("options-invalid", "A simulated basis set has 256 to 16384 points.")
    basis = load_basis(given.what)
    parts = tuple(
        Component(part.name, part.kind, fid=part.lines.fid(1 / given.bandwidth, given.points))
        for part in basis.components
        if part.lines is not None
    )
    sampled = dataclasses.replace(basis, components=parts, dwell_time_s=1 / given.bandwidth)
    _write(given.out, lcmodel_text(sampled).encode())
    return {"metabolites": list(sampled.names), "frequency_mhz": sampled.frequency_mhz, "points": given.points}


def _convert(given: Namespace) -> Document:
    from sessions.mrs.conversion import convert  # noqa: PLC0415 - see above
    from sessions.mrs.text_formats import Known  # noqa: PLC0415 - see above

    converted = convert(
        given.file,
        out=given.out,
        companion=given.companion,
        known=Known(given.frequency, given.dwell),
        water_out=given.water_out,
    )
    return dataclasses.asdict(converted)


def _lcmodel(given: Namespace) -> Document:
    from sessions.mrs.lcmodel import run_lcmodel  # noqa: PLC0415 - see above

    run = run_lcmodel(given.file, basis=given.basis, water=given.water, binary=given.binary, condition=given.condition)
    return run.result.document() | {"control": run.control}


def _basis(given: Namespace) -> Document:
    from sessions.mrs.basis_summary import describe_basis, describe_macromolecules  # noqa: PLC0415 - see above

    return describe_macromolecules(given.file) if given.macromolecules else describe_basis(given.file, out=given.out)


def _import(given: Namespace) -> Document:
    from sessions.mrs.importers import read_results  # noqa: PLC0415 - see above

    return read_results(given.file, name=given.name, row=given.row).document()


def _bench(given: Namespace) -> Document:
    from sessions.mrs.bench import bench  # noqa: PLC0415 - see above

    return bench(given.data, transients=given.transients)


COMMANDS: dict[str, Callable[[Namespace], Document]] = {
    "quantify": _quantify,
    "simulate": _simulate,
    "convert": _convert,
    "basis": _basis,
    "import": _import,
    "lcmodel": _lcmodel,
    "bench": _bench,
}
MOST_SIMULATED = 4096


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        msg = f"The file {path.name} cannot be written: {error.strerror}."
        raise MrsError("out-invalid", msg) from error


def _reporter() -> Callable[[str, float], None]:
    def report(stage: str, fraction: float) -> None:
        print(json.dumps({"stage": stage, "fraction": round(fraction, 3)}), file=sys.stderr, flush=True)

    return report


def _text(document: Document) -> str:
    """Return tables for people."""
    if "ratios" not in document:
        return json.dumps(document, indent=2)
    lines = [f"{'ratio':<12}{'value':>10}{'CRLB %':>10}"]
    for name, ratio in document["ratios"].items():
        value, bound = ratio["value"], ratio["crlb_percent"]
        lines.append(f"{name:<12}{_cell(value, 4):>10}{_cell(bound, 1):>10}")
    quality = document["quality"]
    lines.append(f"SNR {quality['snr']}, FWHM {quality['fwhm_hz']} Hz, fitted in {document['seconds']} s")
    lines += document["flags"]
    if document.get("series"):
        lines.append(
            f"\n{'fit':>4} {'minutes':>9} {'transients':>12} {'Glx/tNAA':>10} {'CRLB %':>8} {'SNR':>7} {'Hz':>6}"
        )
        lines += [_line(entry) for entry in document["series"]]
    for name, outcome in document.get("functional", {}).get("glm", {}).get("outcomes", {}).items():
        for regressor, effect in (outcome["regressors"] | outcome["contrasts"]).items():
            low, high = effect["ci95"]
            lines.append(f"{name} {regressor}: {effect['estimate']:.4g} (95 % CI {low:.4g} to {high:.4g})")
    return "\n".join(lines)


def _line(entry: Document) -> str:
    primary = entry["ratios"].get("Glx/tNAA", {"value": None, "crlb_percent": None})
    members, quality = entry["transients"], entry["quality"]
    which = str(members[0]) if len(members) == 1 else f"{members[0]}-{members[-1]}"
    return (
        f"{entry['index']:>4} {_cell(entry['minutes'], 2):>9} {which:>12} {_cell(primary['value'], 4):>10} "
        f"{_cell(primary['crlb_percent'], 1):>8} {quality['snr']:>7.1f} {_cell(quality['fwhm_hz'], 1):>6}"
    )


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
