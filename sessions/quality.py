"""Whether a spectrum is usable: measured values against the thresholds of the analysis protocol. Pure; no Django.

The thresholds are the protocol's (`sessions.analysis_terms`), else the study's own or the defaults; they are frozen
before unblinding. Poor quality is a verdict beside the numbers, never a reason to hide or drop them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

THRESHOLDS: Mapping[str, float] = {"snr_min": 20.0, "fwhm_ppm_max": 0.1, "crlb_percent_max": 20.0}
ADVICE: Mapping[str, str] = {
    "SNR": "Check that the head coil is plugged in and the voxel lies where it should, or measure more averages.",
    "FWHM": "Shim the voxel again.",
    "CRLB": "Look for movement and for scalp fat in the voxel.",
}
"""What a radiographer can do about a missed criterion, by the first word of its name."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the verdict: what was measured, the rule, and whether it is met (None: not measured)."""

    name: str
    value: float | None
    shown: str
    rule: str
    is_met: bool | None

    @property
    def advice(self) -> str:
        """What to do about it in the scanner room."""
        return ADVICE.get(self.name.split()[0], "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Pass, or repeat the scan now while the participant is still there, with the reasons."""

    criteria: tuple[Criterion, ...]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `document` wrote."""
        return cls(tuple(Criterion(**one) for one in document["criteria"]))

    def document(self) -> dict[str, Any]:
        """Return the verdict as it is stored with a result."""
        return {
            "is_usable": self.is_usable, "sentence": self.sentence, "criteria": [asdict(one) for one in self.criteria]
        }  # fmt: skip

    @property
    def advice(self) -> list[str]:
        """What to do about every missed criterion."""
        return [one.advice for one in self.criteria if one.is_met is False and one.advice]

    @property
    def is_usable(self) -> bool:
        """Whether no criterion is missed."""
        return all(one.is_met is not False for one in self.criteria)

    @property
    def headline(self) -> str:
        """The verdict in a word or two, as it is read across the scanner room."""
        return "Usable" if self.is_usable else "Repeat now"

    @property
    def reason(self) -> str:
        """Why: every criterion that is missed, with its rule."""
        missed = [f"{one.name} {one.shown}, needs {one.rule}" for one in self.criteria if one.is_met is False]
        return "; ".join(missed) or "every threshold is met"

    @property
    def sentence(self) -> str:
        """The verdict as the scanner suite reads it."""
        return f"{self.headline}: {self.reason}."


def verdict(document: Mapping[str, Any], planned: Mapping[str, Any], primary: str) -> Verdict:
    """Judge an engine's document by thresholds (`snr_min` ...); `primary` names the study's primary ratio."""
    limits = {key: float(planned.get(key, value)) for key, value in THRESHOLDS.items()}
    measured = document.get("quality", {})
    snr, fwhm = _number(measured, "snr"), _number(measured, "fwhm_ppm")
    crlb = _number(document.get("ratios", {}).get(primary, {}), "crlb_percent")
    return Verdict((
        Criterion(
            "SNR", snr, _snr_words(snr, limits["snr_min"]), f"{limits['snr_min']:g} or more",
            None if snr is None else snr >= limits["snr_min"],
        ),
        Criterion(
            "FWHM", fwhm, "not measured" if fwhm is None else f"{fwhm:.3f} ppm", f"under {limits['fwhm_ppm_max']:g}",
            None if fwhm is None else fwhm < limits["fwhm_ppm_max"],
        ),
        Criterion(
            f"CRLB of {primary}", crlb, "not measured" if crlb is None else f"{crlb:.1f} %",
            f"{limits['crlb_percent_max']:g} % or less", None if crlb is None else crlb <= limits["crlb_percent_max"],
        ),
    ))  # fmt: skip


def _snr_words(snr: float | None, least: float) -> str:
    """Return the SNR as a whole number, with a digit more where rounding would hide that it is too low."""
    if snr is None:
        return "not measured"
    return f"{snr:.0f}" if snr >= least or round(snr) < least else f"{snr:.1f}"


def _number(values: Mapping[str, Any], key: str) -> float | None:
    value = values.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
