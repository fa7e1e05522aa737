"""Osprey's tables: one .tsv a quantity, one line a data set, one column a metabolite (Osprey's `exportTSV`).

What a table holds stands in its name only: `A_tCr_Voxel_1.tsv`, `off_CRLB_Voxel_1_Basis_1.tsv`.
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
)

# Unit and reference of each quantity, by the name Osprey gives it.
QUANTITIES = {
    "tCr": ("ratio", "tCr"),
    "amplMets": ("arbitrary units", ""),
    "rawWaterScaled": ("institutional units", "water"),
    "CSFWaterScaled": ("institutional units", "water"),
    "TissCorrWaterScaled": ("mmol/kg", "water"),
    "AlphaCorrWaterScaled": ("institutional units", "water"),
    "AlphaCorrWaterScaledGroupNormed": ("institutional units", "water"),
}
BOUNDS = "CRLB"
NAMED = re.compile(rf"^(.*)_({'|'.join(sorted((*QUANTITIES, BOUNDS), key=len, reverse=True))})_(Voxel_\d.*)\.tsv$")
TABLE = re.compile(r"^(?:[A-Za-z][A-Za-z0-9_]*\t)+[A-Za-z][A-Za-z0-9_]*\n")


def quantity_of(name: str) -> str:
    """Return the quantity that a file's name tells, or nothing."""
    match = NAMED.match(name)
    return match[2] if match else ""


def looks_like_table(text: str) -> bool:
    """Tell whether a text has the form of Osprey's tables, whatever its name."""
    first = text.partition("\n")[0].split("\t")
    return TABLE.match(text) is not None and bool({"tNAA", "tCr", "NAA", "Cr"} & set(first))


def is_table(text: str, name: str) -> bool:
    """Tell whether a text is a table whose name says what it holds."""
    return bool(quantity_of(name)) and TABLE.match(text) is not None


def read_tables(tables: dict[str, str], *, row: int | None) -> ImportedResult:
    """Read the tables of one spectrum, by file name.

    Parameters
    ----------
    tables
        Text by name.
    row
        Which data set, from 1; may be left out where there is one.

    Raises
    ------
    MrsError
        `import-...`.
    """
    named = {name: match for name in tables if (match := NAMED.match(name))}
    if len({(match[1], match[3]) for match in named.values()}) > 1:
        raise MrsError("import-ambiguous", f"The folder holds tables of several spectra or voxels. {ONE_AT_A_TIME}")
    read = {match[2]: _row(tables[name], row) for name, match in named.items()}
    bounds = read.pop(BOUNDS, {})
    if not read:
        raise MrsError(
            "import-not-a-result",
            "This table holds bounds only. Choose the table of concentrations, such as A_tCr_Voxel_1.tsv.",
        )
    names = list(next(iter(read.values())))
    for table in read.values():
        names += [name for name in table if name not in names]
    metabolites = tuple(
        ImportedMetabolite(
            name,
            tuple(
                Estimate(quantity, read[quantity][name], *QUANTITIES[quantity])
                for quantity in sorted(read, key=list(QUANTITIES).index)
                if name in read[quantity]
            ),
            bounds.get(name, ""),
        )
        for name in names
    )
    warnings = ["Osprey's tables do not tell the program's version."]
    if not bounds:
        warnings.append("No table of bounds was given, so that the uncertainties are unknown.")
    return ImportedResult("Osprey", "", "tsv", metabolites, warnings=tuple(warnings))


def _row(text: str, row: int | None) -> dict[str, str]:
    if not text.endswith("\n") or TABLE.match(text) is None:
        raise TRUNCATED
    headings, *rows = [line.split("\t") for line in text.splitlines()]
    if not rows or any(len(cells) != len(headings) for cells in rows):
        raise TRUNCATED
    checked_names(headings)
    if row is None and len(rows) > 1:
        raise MrsError(
            "import-ambiguous",
            f"The table holds {len(rows)} data sets; say which, from 1 to {len(rows)}. {ONE_AT_A_TIME}",
        )
    if row is not None and not 1 <= row <= len(rows):
        raise MrsError(
            "import-ambiguous",
            f"The table holds {len(rows)} data sets, and there is none with the number {row}. {ONE_AT_A_TIME}",
        )
    return {name: checked_number(cell) for name, cell in zip(headings, rows[(row or 1) - 1], strict=True)}
