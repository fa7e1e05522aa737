"""What an imported result is: numbers as text, with the unit and the reference that the program gives them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sessions.mrs.errors import MrsError

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[Ee][-+]?\d+)?|[-+]?inf|nan", re.IGNORECASE)
# Names, units and versions are free text in a file: what does not look like one could be a person's, or a date.
NAME = re.compile(r"[-+A-Za-z0-9_()*./ ]{1,80}")
LONGEST_PART, DATE = 24, re.compile(r"\d{5}|\d[-./]\d{1,2}[-./]\d")
VERSION = re.compile(r"\d{1,3}(?:\.\d{1,3}){1,3}(?:-?\d{0,2}[A-Z]{1,2})?")
MOST_METABOLITES = 500

TRUNCATED = MrsError(
    "import-truncated", "The result file ends too early: it was not copied completely. Export it again."
)
ONE_AT_A_TIME = "Import the result of one spectrum at a time."


@dataclass(frozen=True)
class Estimate:
    """One number of one metabolite.

    Parameters
    ----------
    column
        The heading under which the program gives it.
    value
        The number, as text, exactly as in the file; empty where the program gives none.
    unit
        `ratio`, `mM`, `mmol/kg`, `arbitrary units` or `institutional units`.
    reference
        What a ratio refers to, as the program names it.
    sd
        Its standard deviation or Cramer-Rao bound in the same unit, as text; empty where none is given.
    """

    column: str
    value: str
    unit: str
    reference: str = ""
    sd: str = ""


@dataclass(frozen=True)
class ImportedMetabolite:
    """One line of a result: name, estimates, and the relative uncertainty in percent as the program gives it."""

    name: str
    estimates: tuple[Estimate, ...]
    percent_sd: str = ""
    quality: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportedResult:
    """What another program found.

    Parameters
    ----------
    program, version
        `LCModel`, `FSL-MRS`, `Osprey` or `Tarquin`; the version is empty where the file does not tell it.
    file_format
        Which of the program's files it was.
    metabolites
        In the file's order.
    quality
        The program's own quality values, as text.
    warnings
        What a reader must know.
    """

    program: str
    version: str
    file_format: str
    metabolites: tuple[ImportedMetabolite, ...]
    quality: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def metabolite(self, name: str) -> ImportedMetabolite:
        """Return a metabolite by the name the program gives it.

        Raises
        ------
        KeyError
            The program did not report it.
        """
        for one in self.metabolites:
            if one.name == name:
                return one
        raise KeyError(name)

    def document(self) -> dict[str, Any]:
        """Return the JSON object of the command line; all numbers are texts."""
        return {
            "imported": True,
            "program": self.program,
            "version": self.version,
            "format": self.file_format,
            "metabolites": [
                {
                    "name": one.name,
                    "percent_sd": one.percent_sd,
                    "estimates": [vars(estimate) for estimate in one.estimates],
                    "quality": one.quality,
                }
                for one in self.metabolites
            ],
            "quality": self.quality,
            "warnings": list(self.warnings),
        }


def is_number(text: str) -> bool:
    """Tell whether a text is a number as the programs write them."""
    return NUMBER.fullmatch(text) is not None


def checked_number(text: str, *, empty: bool = False) -> str:
    """Return a number's text when it is one.

    Raises
    ------
    MrsError
        `import-number`.
    """
    text = text.strip()
    if (empty and not text) or is_number(text):
        return text
    raise MrsError(
        "import-number",
        "The result file holds text where a number should be. Export it again, with a point as decimal sign.",
    )


def checked_whole(text: str) -> None:
    """Refuse a text whose last line is cut.

    Raises
    ------
    MrsError
        `import-truncated`.
    """
    if not text.endswith("\n"):
        raise TRUNCATED


def is_name(text: str) -> bool:
    """Tell whether a text may be the name of a metabolite or of a sum of some: no long word, nothing like a date."""
    short = all(len(part) <= LONGEST_PART for part in text.split("+"))
    return NAME.fullmatch(text) is not None and short and DATE.search(text) is None


def known_version(text: str) -> str:
    """Return a program's version where it looks like one, else nothing."""
    return text if VERSION.fullmatch(text) else ""


def checked_names(names: Sequence[str]) -> None:
    """Refuse names that are none, and names that stand twice.

    Raises
    ------
    MrsError
        `import-names`.
    """
    if not names or len(names) > MOST_METABOLITES:
        raise MrsError("import-names", "The result file lists no metabolites, or far too many.")
    if not all(map(is_name, names)):
        raise MrsError("import-names", "The result file holds a name that no metabolite has.")
    if len(set(names)) != len(names):
        raise MrsError(
            "import-names", "The result file names a metabolite twice: it cannot be told which of the numbers counts."
        )
