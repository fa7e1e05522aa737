"""LCModel's .table, .coord and .csv (LCModel & LCMgui User's Manual 2021, sections 5.1 and 6).

The first two share their tables; the third is one line of numbers under a line of names.
"""

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
    is_name,
    is_number,
    known_version,
)

SECTION = re.compile(r"^(?:\$\$[A-Z]{4})?\s*(\d+) lines in following (.*)$")
HEADINGS = re.compile(r"^\s*Conc\.\s+%SD\s+(/\S+)\s+Metabolite\s*$")
# Fortran columns: concentration, %SD, ratio; a sum's name may follow its ratio with a plus and no blank.
ROW = re.compile(r"^\s*(\d*\.?\d+(?:E[-+]\d+)?)\s+(\d+)%\s+(\d*\.?\d+(?:E[-+]\d+)?)[ +]\s*(\S+)\s*$")
VERSION = re.compile(r"LCModel \(Version ([^)\n]{1,30})\)")
MISC = {
    "FWHM (ppm)": re.compile(r"FWHM =\s*(\S+) ppm"),
    "S/N": re.compile(r"S/N =\s*(\S+)"),
    "Data shift (ppm)": re.compile(r"Data shift =\s*(\S+) ppm"),
    "Ph (deg)": re.compile(r"Ph:\s*(\S+) deg"),
    "Ph (deg/ppm)": re.compile(r"deg\s+(\S+) deg/ppm"),
}
CONCENTRATIONS = "concentration table"
# A .table or .coord, and the .csv.
IS_TABLE = re.compile(rf"lines in following {CONCENTRATIONS}")
IS_CSV = re.compile(r"\A\s*Row,\s*Col,.*%SD")
LONGEST_HEADING = 7
POINTS = re.compile(r"^\s*(\d+) points on ppm-axis = NY")
FOLLOWS = re.compile(r"^\s*NY (?:phased data points|points of the fit to the data|background values) follow|Conc\. = ")


def read_table(text: str) -> ImportedResult:
    """Read a .table or .coord.

    Raises
    ------
    MrsError
        `import-...`.
    """
    lines = text.split("\n")
    starts = [(index, match) for index, line in enumerate(lines) if (match := SECTION.match(line))]
    tables = [start for start in starts if start[1][2].startswith(CONCENTRATIONS)]
    if len(tables) != 1:
        raise MrsError("import-ambiguous", f"The file holds {len(tables)} LCModel results. {ONE_AT_A_TIME}")
    warnings = _complete(lines, starts)
    begin = tables[0][0]
    after = min((index for index, _ in starts if index > begin), default=len(lines))
    headings = HEADINGS.match(lines[begin + 1]) if begin + 1 < len(lines) else None
    if headings is None:
        raise TRUNCATED
    rows = [ROW.match(line) for line in lines[begin + 2 : after] if line.strip()]
    if any(row is None for row in rows):
        raise MrsError("import-number", "A line of LCModel's table cannot be read. Export the file again.")
    metabolites = []
    for row in rows:
        assert row is not None
        value, percent, ratio, name = row.groups()
        metabolites.append((name, value, percent, ratio))
    names = [name for name, *_ in metabolites]
    checked_names(names)
    heading = headings[1]
    if not is_name(heading):
        raise MrsError("import-names", "The result file relates its numbers to something that no metabolite is.")
    reference = _reference(heading, names)
    version = VERSION.search(text)
    is_coordinates = any(POINTS.match(line) for line in lines)
    return ImportedResult(
        "LCModel", known_version(version[1].strip()) if version else "", "coord" if is_coordinates else "table",
        tuple(_metabolite(one, heading, reference) for one in metabolites),
        {key: found[1] for key, pattern in MISC.items() if (found := pattern.search(text)) and is_number(found[1])},
        tuple(warnings),
    )  # fmt: skip


def _metabolite(row: tuple[str, str, str, str], heading: str, reference: str) -> ImportedMetabolite:
    name, value, percent, ratio = row
    estimates = (
        Estimate("Conc.", checked_number(value), "institutional units"),
        Estimate(heading, checked_number(ratio), "ratio", reference),
    )
    return ImportedMetabolite(name, estimates, checked_number(percent))


def _reference(heading: str, names: list[str]) -> str:
    """Return what the ratios refer to: LCModel cuts a long name in its heading."""
    cut = heading.removeprefix("/")
    longer = [name for name in names if name.startswith(cut)]
    return longer[0] if cut not in names and len(longer) == 1 and len(heading) >= LONGEST_HEADING else cut


def _complete(lines: list[str], starts: list[tuple[int, re.Match[str]]]) -> list[str]:
    """Refuse a file that was cut (the changes of the input come last); return warnings."""
    warnings = []
    if lines[-1] or not any("input changes" in match[2] for _, match in starts):
        raise TRUNCATED
    for index, match in starts:
        following = next((start for start, _ in starts if start > index), len(lines))
        announced, found = int(match[1]), sum(bool(line.strip()) for line in lines[index + 1 : following])
        if found >= announced:
            continue
        if not match[2].startswith(CONCENTRATIONS) or following == len(lines):
            raise TRUNCATED
        # LCModel itself announces more lines than it writes, when it leaves metabolites out of the table (liver).
        warnings.append(
            f"LCModel announces {announced - 1} concentrations and lists {found - 1}: metabolites were left out of the "
            "table. Compare it with the original."
        )
    for index, line in enumerate(lines):
        if (points := POINTS.match(line)) and not _curves_complete(lines[index:], int(points[1])):
            raise TRUNCATED
    return warnings


def _curves_complete(lines: list[str], points: int) -> bool:
    """Tell whether each curve of a .coord has as many points as its axis."""
    count = None
    for line in lines:
        is_start = POINTS.match(line) or FOLLOWS.search(line)
        if is_start or SECTION.match(line):
            if count not in {None, points}:
                return False
            count = 0
            if not is_start:
                return True
        elif count is not None:
            count += len(line.split())
    return False


def read_csv(text: str) -> ImportedResult:
    """Read a .csv of one voxel.

    Raises
    ------
    MrsError
        `import-...`.
    """
    checked_whole(text)
    lines = [[cell.strip() for cell in line.split(",")] for line in text.split("\n") if line.strip()]
    headings, rows = lines[0][2:], lines[1:]
    if len(rows) > 1:
        raise MrsError("import-ambiguous", f"The file holds the results of {len(rows)} voxels. {ONE_AT_A_TIME}")
    if not rows or len(rows[0]) != len(headings) + 2 or len(headings) % 3:
        raise TRUNCATED
    cells = rows[0][2:]
    names = headings[::3]
    checked_names(names)
    metabolites = []
    for position, name in enumerate(names):
        percent, ratio = headings[3 * position + 1], headings[3 * position + 2]
        if percent != f"{name} %SD" or not ratio.startswith(f"{name}/") or not is_name(ratio):
            raise MrsError("import-names", "The columns of LCModel's .csv are not in its order. Export it again.")
        heading = ratio.removeprefix(name)
        value, sd, number = cells[3 * position : 3 * position + 3]
        metabolites.append(_metabolite((name, value, sd, number), heading, heading.removeprefix("/")))
    return ImportedResult(
        "LCModel", "", "csv", tuple(metabolites), warnings=("LCModel's .csv does not tell the program's version.",)
    )
