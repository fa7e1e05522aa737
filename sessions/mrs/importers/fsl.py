"""FSL-MRS's summary.csv, alone or in a results folder (FSL-MRS documentation, "Outputs of fsl_mrs").

One line a metabolite; each concentration has its Cramer-Rao bound in a column of its own beside it.
"""

import csv
import re

from sessions.mrs.errors import MrsError
from sessions.mrs.importers.result import (
    TRUNCATED,
    Estimate,
    ImportedMetabolite,
    ImportedResult,
    checked_names,
    checked_number,
    checked_whole,
    is_name,
)

UNITS = {"mM": "mM", "mMol/kg": "mmol/kg", "Raw conc": "arbitrary units"}
BOUND = " CRLB"
PERCENT = "%CRLB"
QUALITY = ("SNR", "FWHM")
IS_SUMMARY = re.compile(r"\AMetab,")


def read_summary(text: str) -> ImportedResult:
    """Read a summary.csv.

    Raises
    ------
    MrsError
        `import-...`.
    """
    checked_whole(text)
    headings, *rows = list(csv.reader(text.splitlines()))
    if PERCENT not in headings or len(set(headings)) != len(headings):
        raise MrsError(
            "import-columns",
            "This summary.csv has other columns than FSL-MRS writes. Run fsl_mrs again and choose the new one.",
        )
    if not rows or any(len(row) != len(headings) for row in rows):
        raise TRUNCATED
    columns = [one for one in headings[1:] if not one.endswith("CRLB") and one not in QUALITY]
    unknown = [one for one in columns if one not in UNITS and not (one.startswith("/") and is_name(one))]
    if unknown:
        raise MrsError(
            "import-columns",
            "This summary.csv has a column whose unit is not known, so that its numbers cannot be placed.",
        )
    checked_names([row[0] for row in rows])
    metabolites = tuple(_metabolite(dict(zip(headings, row, strict=True)), columns) for row in rows)
    return ImportedResult(
        "FSL-MRS", "", "summary.csv", metabolites,
        warnings=("FSL-MRS's summary.csv does not tell the program's version.",),
    )  # fmt: skip


def _metabolite(cells: dict[str, str], columns: list[str]) -> ImportedMetabolite:
    estimates = []
    for column in columns:
        bound = cells.get("Raw CRLB" if column == "Raw conc" else column + BOUND, "")
        is_ratio = column.startswith("/")
        estimates.append(
            Estimate(
                column, checked_number(cells[column]), "ratio" if is_ratio else UNITS[column],
                column.removeprefix("/") if is_ratio else "", checked_number(bound, empty=True),
            )
        )  # fmt: skip
    # A sum has no peak of its own: its SNR and width are empty.
    quality = {key: checked_number(cells[key], empty=True) for key in QUALITY if key in cells}
    return ImportedMetabolite(cells["Metab"], tuple(estimates), checked_number(cells[PERCENT]), quality)
