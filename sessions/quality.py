"""Whether a spectrum is usable: measured values against the thresholds of the study's plan. Pure; no Django.

The thresholds stand in the study's `mrs_settings` under `quality` and are frozen before unblinding; poor quality is a
verdict beside the numbers, never a reason to hide or drop them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

THRESHOLDS: Mapping[str, float] = {"snr_min": 20.0, "fwhm_ppm_max": 0.1, "crlb_percent_max": 20.0}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the verdict: what was measured, the rule, and whether it is met (None: not measured)."""

    name: str
    value: float | None
    shown: str
    rule: str
    is_met: bool | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Pass, or repeat the scan now while the participant is still there, with the reasons."""

    criteria: tuple[Criterion, ...]

    @property
    def is_usable(self) -> bool:
        """Whether no criterion is missed."""
        return all(one.is_met is not False for one in self.criteria)

    @property
    def sentence(self) -> str:
        """The verdict as the scanner suite reads it."""
        missed = [f"{one.name} {one.shown}, needs {one.rule}" for one in self.criteria if one.is_met is False]
        return f"Repeat now: {'; '.join(missed)}." if missed else "Usable: every threshold of the study plan is met."


def verdict(document: Mapping[str, Any], planned: Mapping[str, Any], primary: str) -> Verdict:
    """Judge an engine's document by the study's thresholds; `primary` names the study's primary ratio."""
    given = planned.get("quality", {})
    limits = {key: float(given.get(key, value)) for key, value in THRESHOLDS.items()}
    measured = document.get("quality", {})
    snr, fwhm = _number(measured, "snr"), _number(measured, "fwhm_ppm")
    crlb = _number(document.get("ratios", {}).get(primary, {}), "crlb_percent")
    return Verdict((
        Criterion(
            "SNR", snr, "not measured" if snr is None else f"{snr:.0f}", f"{limits['snr_min']:g} or more",
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


def _number(values: Mapping[str, Any], key: str) -> float | None:
    value = values.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
