"""What an analysis protocol fixes: basis, macromolecules, baseline, range, blocks, thresholds. Pure; no Django.

`Terms` is the whole of it; `rows` says it in words for the page and the signature, `differences` compares two versions,
`problems` names what cannot be.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from sessions.mrs import MrsError, Settings
from sessions.mrs.spins import SPIN_SYSTEMS

MODELLED, OF_BASIS, MEASURED = "modelled", "basis", "measured"
AS_FILE_SAYS, WHOLE = "auto", "none"
MOST_BLOCKS = 512
NAME = re.compile(r"^[A-Za-z0-9+_./-]{1,24}$")
NEEDED = frozenset({"NAA", "Glu", "Cr"})


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A basis set or a measured macromolecule spectrum: its id, its name, and the hash or simulation that it is."""

    id: str
    name: str
    identity: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a protocol: what it is about and what it says."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Change:
    """One line in which two versions differ."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One version's content; units stand in the names.

    Parameters
    ----------
    bases
        The basis sets that are fitted with; each spectrum takes the one of its field strength and nearest echo time.
    macromolecules, measured
        `modelled`: the simulated set with soft ratios, where the basis brings none; `basis`: those of the basis only;
        `measured`: the measured spectrum named by `measured`.
    baseline_ed_per_ppm
        Effective dimension of the baseline per ppm.
    blocks
        `auto`: as the file says; `none`: the whole spectrum only; else a number of blocks of equal length.
    window
        Transients of a sliding window over a series (step 1), in addition; 0: none.
    exclude
        Basis spectra that are left out of the fit.
    snr_min, fwhm_ppm_max, crlb_percent_max
        Thresholds of the verdict; the last is that of the primary ratio's Cramer-Rao bound.
    excludes_unusable
        Whether a spectrum that misses a threshold is left out of the primary outcome; a rejected one always is.
    """

    primary_ratio: str
    bases: tuple[NamedSet, ...]
    macromolecules: str = MODELLED
    measured: NamedSet | None = None
    baseline_ed_per_ppm: float = Settings.baseline_ed_per_ppm
    ppm_low: float = Settings.ppm_low
    ppm_high: float = Settings.ppm_high
    blocks: str = AS_FILE_SAYS
    window: int = 0
    remove_water: bool = True
    eddy_current: bool = True
    exclude: tuple[str, ...] = ()
    snr_min: float = 20.0
    fwhm_ppm_max: float = 0.1
    crlb_percent_max: float = 20.0
    excludes_unusable: bool = True
    engine_version: str

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `document` wrote; a key that a later version of the portal added is taken at its default."""
        known = {field.name for field in fields(cls)}
        given = {key: value for key, value in document.items() if key in known}
        measured = given.get("measured")
        return cls(**given | {
            "bases": tuple(NamedSet(**one) for one in given["bases"]),
            "measured": NamedSet(**measured) if measured else None,
            "exclude": tuple(given.get("exclude", ())),
        })  # fmt: skip

    def document(self) -> dict[str, Any]:
        """Return the terms as they are stored, hashed and signed."""
        return dict(json.loads(json.dumps(asdict(self))))

    def engine_settings(self) -> dict[str, Any]:
        """Return what the engine's `--settings` takes."""
        return {
            "ppm_low": self.ppm_low, "ppm_high": self.ppm_high, "baseline_ed_per_ppm": self.baseline_ed_per_ppm,
            "default_macromolecules": self.macromolecules == MODELLED, "remove_water": self.remove_water,
            "eddy_current": self.eddy_current, "exclude": list(self.exclude),
        }  # fmt: skip

    def thresholds(self) -> dict[str, float]:
        """Return the thresholds as `sessions.quality` reads them."""
        return {
            "snr_min": self.snr_min, "fwhm_ppm_max": self.fwhm_ppm_max, "crlb_percent_max": self.crlb_percent_max
        }  # fmt: skip

    def rows(self) -> list[Row]:
        """Return the terms in words, line by line in a fixed order."""
        return [Row(label, value) for label, value in self._words()]

    def _words(self) -> Iterator[tuple[str, str]]:
        yield "Primary ratio", self.primary_ratio
        yield "Basis sets", "; ".join(f"{one.name} ({_short(one.identity)})" for one in self.bases) or "None"
        yield "Macromolecules and lipids", self._macromolecules()
        yield "Baseline flexibility", f"{self.baseline_ed_per_ppm:g} effective dimensions per ppm"
        yield "Fitted range", f"{self.ppm_low:g} to {self.ppm_high:g} ppm"
        yield "Blocks of transients", self._blocks()
        yield "Sliding window", f"{self.window} transients, step 1" if self.window else "None"
        yield "Residual water", "Removed before the fit (HLSVD)" if self.remove_water else "Left in"
        yield "Eddy currents", "Corrected where a water reference is given" if self.eddy_current else "Not corrected"
        yield "Left out of the basis", ", ".join(self.exclude) or "Nothing"
        yield "SNR", f"{self.snr_min:g} or more"
        yield "Line width (FWHM)", f"under {self.fwhm_ppm_max:g} ppm"
        yield f"CRLB of {self.primary_ratio}", f"{self.crlb_percent_max:g} % or less"
        yield (
            "Left out of the primary outcome",
            ("Rejected fits, and spectra that miss a threshold" if self.excludes_unusable else "Rejected fits only"),
        )
        yield "Engine version", self.engine_version

    def _macromolecules(self) -> str:
        if self.macromolecules == MEASURED and self.measured is not None:
            return f"Measured: {self.measured.name} ({_short(self.measured.identity)})"
        return "Those of the basis only" if self.macromolecules == OF_BASIS else "Modelled, with soft ratios"

    def _blocks(self) -> str:
        if self.blocks == AS_FILE_SAYS:
            return "As the file says"
        return "The whole spectrum only" if self.blocks == WHOLE else f"{self.blocks} blocks of equal length"


def differences(before: Terms, after: Terms) -> list[Change]:
    """Return the lines in which two versions differ, in the order of `Terms.rows`."""
    old = {row.label: row.value for row in before.rows()}
    new = {row.label: row.value for row in after.rows()}
    labels = [*new, *(label for label in old if label not in new)]
    return [
        Change(label, old.get(label, "–"), new.get(label, "–"))
        for label in labels
        if old.get(label) != new.get(label)
    ]  # fmt: skip


RANGES: Mapping[str, tuple[float, float, str]] = {
    "baseline_ed_per_ppm": (0.5, 10.0, "Enter a number from 0.5 to 10."),
    "snr_min": (0.0, 1000.0, "Enter a number from 0 to 1000."),
    "fwhm_ppm_max": (0.01, 0.5, "Enter a width from 0.01 to 0.5 ppm."),
    "crlb_percent_max": (1.0, 100.0, "Enter a per cent from 1 to 100."),
}


def problems(terms: Terms) -> dict[str, str]:
    """Return what cannot be, by the name of the field, each with the sentence that belongs beside it."""
    found = {
        name: sentence
        for name, (low, high, sentence) in RANGES.items()
        if not low <= getattr(terms, name) <= high  # NaN too
    }
    if not terms.bases:
        found["bases"] = "Choose at least one basis set."
    if terms.macromolecules == MEASURED and terms.measured is None:
        found["measured"] = "Choose the measured macromolecule spectrum."
    if terms.blocks not in {AS_FILE_SAYS, WHOLE} and not _is_count(terms.blocks):
        found["block_count"] = f"Enter a whole number of blocks from 2 to {MOST_BLOCKS}."
    if terms.window != 0 and not 2 <= terms.window <= MOST_BLOCKS:
        found["window"] = f"Enter a whole number of transients from 2 to {MOST_BLOCKS}, or leave it empty."
    wrong = [name for name in terms.exclude if not NAME.match(name)]
    if wrong:
        found["exclude"] = f"{wrong[0][:24]!r} is no name of a basis spectrum."
    elif unknown := _unknown(terms):
        found["exclude"] = f"No chosen basis set has {', '.join(unknown)}: write the names as on the set's page."
    elif needed := NEEDED.intersection(terms.exclude):
        found["exclude"] = f"{', '.join(sorted(needed))} cannot be left out: the ratios are made of it."
    try:
        Settings.from_json(json.dumps(replace(terms, baseline_ed_per_ppm=2.5).engine_settings()))
    except MrsError as error:
        found.setdefault("ppm_low", error.message)
    return found


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and 2 <= int(text) <= MOST_BLOCKS


def _short(identity: str) -> str:
    return identity if identity.startswith("sim:") else f"SHA-256 {identity[:12]}"


def _unknown(terms: Terms) -> list[str]:
    """Return names to leave out that no set has; nothing is told where a set is a file, whose names stand inside it."""
    if not all(one.identity.startswith("sim:") for one in terms.bases):
        return []
    return [name for name in terms.exclude if name not in SPIN_SYSTEMS and not name.startswith(("MM", "Lip"))]
