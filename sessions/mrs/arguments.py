"""The words of the command line. A mistake in them is a sentence, and ends with the error object as a bad file does."""

import argparse
import math
import re
from pathlib import Path
from typing import Any, NoReturn

from sessions.mrs.errors import MrsError

DESCRIPTION = "Quantify single-voxel 1H spectra."
LARGEST_COUNT = 100_000


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong as a sentence."""
        said = message[:1].upper() + message[1:].rstrip(".")
        raise MrsError("options-invalid", f"{said}. Ask for help with: {self.prog} --help")


def make_parser() -> Parser:
    """Return the parser; the name of the command is `command`."""
    parser = Parser(prog="python -m sessions.mrs", description=DESCRIPTION)
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    _quantify(commands.add_parser("quantify", help="fit a spectrum and print ratios with their bounds"))
    _simulate(commands.add_parser("simulate", help="write a SYNTHETIC functional series, or a simulated basis set"))
    _convert(commands.add_parser("convert", help="write a fresh, de-identified NIfTI-MRS file"))
    _basis(commands.add_parser("basis", help="say what a basis set holds, and for which data it was made"))
    _import(commands.add_parser("import", help="read a result of LCModel, FSL-MRS, Osprey or Tarquin"))
    _lcmodel(commands.add_parser("lcmodel", help="fit with an LCModel that is installed on this machine"))
    _bench(commands.add_parser("bench", help="measure speed, alignment and functional accuracy on this machine"))
    return parser


def _quantify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--water", type=Path, help="water reference of the same acquisition")
    parser.add_argument(
        "--basis", required=True, help=".BASIS file, folder, or sim:press:TE1,TE2@3T, sim:steam:TE,TM@7T"
    )
    parser.add_argument(
        "--macromolecules", type=Path, help="measured macromolecules (NIfTI-MRS) instead of modelled ones"
    )
    parser.add_argument("--settings", help="JSON object of settings that differ from the defaults")
    parser.add_argument("--condition", help="which condition of edited data (ON, OFF, A, B, DIFF)")
    parser.add_argument("--curves", type=Path, help="write the curves of the fit here")
    parser.add_argument("--progress", action="store_true", help="report stages on standard error")
    scaling = parser.add_argument_group("concentrations, with a water reference")
    scaling.add_argument("--tissue", type=_fractions, metavar="GM,WM,CSF", help="volume fractions of the voxel")
    scaling.add_argument("--unit", choices=("mM", "mmol/kg"), default="mM")
    scaling.add_argument("--water-mmol", type=float, default=35880.0, help="visible water where no tissue is given")
    lists = parser.add_argument_group("a list of fits, under `series`")
    lists.add_argument(
        "--blocks", default="auto", help="auto, none, a number of blocks of transients (`blocks`); or a file (`series`)"
    )
    lists.add_argument("--window", type=_count, metavar="N", help="sliding windows of N transients")
    lists.add_argument("--step", type=_count, metavar="N", help="transients from one window to the next (1)")
    lists.add_argument("--per-transient", action="store_true", help="one fit a transient")
    lists.add_argument("--events", type=Path, help="BIDS events.tsv: onset, duration (seconds), trial_type")
    model = parser.add_argument_group("time course and general linear model, under `functional`")
    model.add_argument("--tr", type=_seconds, metavar="SECONDS", help="from one stored transient to the next")
    model.add_argument("--dose", type=_span, metavar="START,END", help="minutes from the first transient")
    model.add_argument("--response", choices=("boxcar", "hrf"), default="boxcar", help="what an event does")
    model.add_argument("--drift", type=int, choices=(0, 1, 2, 3), default=1, help="order of the drift polynomial")
    model.add_argument("--linewidth", action="store_true", help="add the linewidth (BOLD) as a regressor")
    model.add_argument("--contrast", action="append", default=[], metavar="A-B", help="such as heat-rest; repeatable")
    _json(parser)


def _simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", help="`series`, or a basis set: sim:press:TE1,TE2@3T, sim:steam:TE,TM@7T")
    parser.add_argument("--out", type=Path, required=True, help=".nii.gz of a series, .basis of a basis set")
    series = parser.add_argument_group("a series")
    series.add_argument("--ratios", type=_numbers, help="true Glx/tNAA of each block: 1.2,1.25,1.3")
    series.add_argument("--seed", type=int, default=1)
    series.add_argument("--transients-per-block", type=_count, default=8)
    series.add_argument("--snr", type=_positive, default=45.0, help="of NAA in a block's average")
    series.add_argument("--linewidth", type=_positive, default=4.5, metavar="HZ")
    series.add_argument("--block-minutes", type=_positive, default=8.0)
    series.add_argument("--first-minutes", type=_number, default=0.0)
    series.add_argument("--drift", type=_number, default=1.5, metavar="HZ")
    series.add_argument("--water-residual", type=_number, default=3.0)
    basis = parser.add_argument_group("a basis set")
    basis.add_argument("--bandwidth", type=_positive, default=4000.0, metavar="HZ")
    basis.add_argument("--points", type=_count, default=4096)
    _json(parser)


def _convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--companion", type=Path, help="the SPAR of an SDAT, the procpar of a fid")
    parser.add_argument("--frequency", type=_positive, metavar="MHZ", help="of a .RAW that does not tell it")
    parser.add_argument("--dwell", type=_positive, metavar="SECONDS", help="of a .RAW that does not tell it")
    parser.add_argument("--water-out", type=Path, help="where the water reference goes that a file brings along")
    parser.add_argument("--out", type=Path, required=True)
    _json(parser)


def _lcmodel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--basis", type=Path, required=True, help=".BASIS file")
    parser.add_argument("--water", type=Path, help="water reference of the same acquisition")
    parser.add_argument("--binary", type=Path, help="the installed LCModel; else the variable MRS_LCMODEL_BINARY")
    parser.add_argument("--condition", help="which condition of edited data (ON, OFF, A, B)")
    _json(parser)


def _basis(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help=".BASIS, zip of .RAW or FSL .json files, simulation, or macromolecules")
    parser.add_argument("--macromolecules", action="store_true", help="the file is a measured macromolecule spectrum")
    parser.add_argument("--out", type=Path, help="write an archive's set as one .BASIS file")
    _json(parser)


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="result file, or the results folder of FSL-MRS or Osprey")
    parser.add_argument("--name", help="the file's own name, where it stands under another (Osprey)")
    parser.add_argument("--row", type=_count, help="which data set of an Osprey table, counted from 1")
    _json(parser)


def _bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="folder of reference spectra with fmrs_sim and basis in it")
    parser.add_argument("--transients", type=_count, default=300, help="length of the timed series")
    _json(parser)


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        msg = f"{text!r} is not a number"
        raise argparse.ArgumentTypeError(msg)
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        msg = f"{text!r} is not a number above zero"
        raise argparse.ArgumentTypeError(msg)
    return value


def _seconds(text: str) -> float:
    value = _positive(text)
    if not 0.05 <= value <= 3600:
        msg = f"{text!r} is not a time between 0.05 and 3600 seconds"
        raise argparse.ArgumentTypeError(msg)
    return value


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= LARGEST_COUNT:
        msg = f"{text!r} is not a whole number from 1"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _numbers(text: str) -> list[float]:
    return [_positive(part.strip()) for part in text.split(",")]


def _fractions(text: str) -> list[float]:
    values = [_number(part.strip()) for part in text.split(",")]
    if len(values) != 3:
        msg = f"{text!r} is not three fractions: grey matter, white matter, CSF, such as 0.6,0.3,0.1"
        raise argparse.ArgumentTypeError(msg)
    return values


def _span(text: str) -> tuple[float, float]:
    start, comma, end = text.partition(",")
    span = (_number(start.strip()), _number(end.strip())) if comma else (0.0, 0.0)
    if span[0] >= span[1]:
        msg = f"{text!r} is not a start and a later end in minutes, such as 10,50"
        raise argparse.ArgumentTypeError(msg)
    return span


Namespace = argparse.Namespace
Document = dict[str, Any]
