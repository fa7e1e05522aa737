"""Tarquin's results as text and as .csv (the writers of TARQUIN 4.3; its user guide, "Output")."""

import re

from sessions.mrs.errors import MrsError
from sessions.mrs.importers.result import (
    ONE_AT_A_TIME,
    TRUNCATED,
    Estimate,
    ImportedMetabolite,
    ImportedResult,
    checked_names,
    checked_number,
    checked_whole,
    is_number,
    known_version,
)

HEADINGS = re.compile(r"^Signal\s+Conc \(([^)]*)\)\s+%SD\s+SD \(([^)]*)\)\s*$", re.MULTILINE)
VERSION = re.compile(r"^TARQUIN version (\S{1,30})\s*$", re.MULTILINE)
UNNAMED = "au"
UNITS = {UNNAMED: "arbitrary units", "mM": "mM", "mmol/kg": "mmol/kg"}
QUALITY = ("Metab FWHM (PPM)", "Metab FWHM (Hz)", "SNR residual", "SNR max", "Q")
AMPLITUDES, BOUNDS, DIAGNOSTICS = "Signal amplitudes", "CRLBs (standard deviation)", "Fit diagnostics"
VOXEL_CELLS = 3
# Of which the names of its quality values are made; whatever else stands there is not Tarquin's.
DIAGNOSTIC_WORDS = {
    "q", "fqn", "snr", "max", "residual", "res", "metab", "peak", "ratio", "fwhm", "(ppm)", "(hz)", "(deg)", "ref",
    "phi0", "phi1", "init", "final", "beta", "shift", "freq", "water", "baseline", "noise", "std", "dev", "dyn", "corr",
}  # fmt: skip
# The text output, the .csv of results, and the fitted curves, which are no results.
IS_TEXT = re.compile(rf"\A{HEADINGS.pattern}", re.MULTILINE)
IS_CSV = re.compile(rf"\A{AMPLITUDES}")
IS_CURVES = re.compile(r"\A(?:Row : \d+, Col : \d+, Slice : \d+\n)?PPMScale,Data")


def read_text(text: str) -> ImportedResult:
    """Read the text output.

    Raises
    ------
    MrsError
        `import-...`.
    """
    headings = HEADINGS.match(text)
    assert headings is not None
    if len(HEADINGS.findall(text)) > 1:
        raise MrsError("import-ambiguous", f"The file holds several Tarquin results. {ONE_AT_A_TIME}")
    checked_whole(text)
    version = VERSION.search(text)
    if version is None:
        # Tarquin ends its file with the version.
        raise TRUNCATED
    table, _, rest = text[headings.end() :].partition("\n\n")
    rows = [line.split() for line in table.strip().split("\n")[1:]]
    if not rows or any(len(row) != 4 for row in rows):
        raise TRUNCATED
    checked_names([row[0] for row in rows])
    unit = headings[1] if headings[1] in UNITS else UNNAMED
    metabolites = tuple(
        ImportedMetabolite(
            name,
            (Estimate(f"Conc ({unit})", checked_number(value), UNITS[unit], sd=checked_number(sd)),),
            checked_number(percent),
        )
        for name, value, percent, sd in rows
    )
    said = dict(re.findall(r"^(.+?)\s*: (\S+)$", rest, re.MULTILINE))
    quality = {key: checked_number(said[key]) for key in QUALITY if key in said}
    return ImportedResult("Tarquin", known_version(version[1]), "txt", metabolites, quality)


def read_csv(text: str) -> ImportedResult:
    """Read the .csv of one voxel.

    Raises
    ------
    MrsError
        `import-...`.
    """
    checked_whole(text)
    lines = [[cell.strip() for cell in line.split(",")] for line in text.split("\n")]
    names, values = _block(lines, AMPLITUDES)
    also, bounds = _block(lines, BOUNDS)
    headings, said = _block(lines, DIAGNOSTICS)
    if names != also:
        raise TRUNCATED
    checked_names(names)
    diagnostics = dict(zip(headings, said, strict=True))
    metabolites = tuple(
        ImportedMetabolite(
            name, (Estimate(AMPLITUDES, checked_number(value), "arbitrary units", sd=checked_number(bound)),)
        )
        for name, value, bound in zip(names, values, bounds, strict=True)
    )
    version = diagnostics.pop("version", "")
    quality = {
        key: value
        for key, value in diagnostics.items()
        if set(key.lower().split()) <= DIAGNOSTIC_WORDS and is_number(value)
    }
    warnings = ("Tarquin's .csv does not tell whether the amplitudes are scaled to water.",)
    return ImportedResult(
        "Tarquin", known_version(version.removeprefix("TARQUIN Version ")), "csv", metabolites, quality, warnings
    )


def _block(lines: list[list[str]], title: str) -> tuple[list[str], list[str]]:
    """Return headings and the one line of values under a title."""
    at = next((index for index, line in enumerate(lines) if line == [title]), None)
    if at is None or at + 2 >= len(lines):
        raise TRUNCATED
    rows = []
    for line in lines[at + 2 :]:
        if len(line) <= VOXEL_CELLS or not line[0].isdigit():
            break
        rows.append(line)
    if len(rows) > 1:
        raise MrsError("import-ambiguous", f"The file holds the results of {len(rows)} voxels. {ONE_AT_A_TIME}")
    if not rows or len(rows[0]) != len(lines[at + 1]):
        raise TRUNCATED
    return lines[at + 1][VOXEL_CELLS:], rows[0][VOXEL_CELLS:]
