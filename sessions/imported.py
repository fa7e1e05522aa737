"""What the page of imported results shows: each file's numbers as they are, and our own in the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sessions.models import ImportedResult, QuantificationRun, Spectrum

# Other programs' names for what we call otherwise; only the comparison uses them, the file's own names stay.
NAMES: Mapping[str, str] = {
    "NAA+NAAG": "tNAA", "Cr+PCr": "tCr", "PCr+Cr": "tCr", "GPC+PCh": "tCho", "PCh+GPC": "tCho", "Glu+Gln": "Glx",
    "TNAA": "tNAA", "TCr": "tCr", "TCho": "tCho", "mI": "Ins", "Scyllo": "sIns",
}  # fmt: skip
FIRST = frozenset({"tNAA", "tCho", "Glx", "Glu", "Gln", "Ins", "GABA", "GSH"})


@dataclass(frozen=True, slots=True)
class Compared:
    """One metabolite: our ratio to total creatine with its bound, and each import's with its uncertainty."""

    name: str
    ours: str
    others: tuple[str, ...]


def imports_of(spectrum: Spectrum) -> list[ImportedResult]:
    """Return the imported results of a spectrum in the order of their coming."""
    return list(spectrum.imports.select_related("imported_by").order_by("imported_at", "pk"))


def comparison(spectrum: Spectrum, run: QuantificationRun | None) -> list[Compared]:
    """Return our ratios to total creatine beside those that the imports give; empty where there is nothing to compare.

    Numbers of the imports are the file's own texts. Only ratios to creatine are compared: amplitudes have each
    program's own unit.
    """
    results = imports_of(spectrum)
    if run is None or not hasattr(run, "result") or not results:
        return []
    ours = _ours(run.result.document)
    theirs = [_to_creatine(one.document) for one in results]
    shared = [name for name in ours if any(name in found for found in theirs)]
    names = sorted(shared, key=lambda name: (name not in FIRST, name.startswith(("MM", "Lip")), name.lower()))
    return [Compared(name, ours[name], tuple(found.get(name, "–") for found in theirs)) for name in names]


def _ours(document: Mapping[str, Any]) -> dict[str, str]:
    found = document.get("metabolites", {})
    reference = found.get("tCr", {}).get("amplitude")
    if not reference:
        return {}
    return {
        name: _words(f"{one['amplitude'] / reference:.3f}", one.get("crlb_percent"))
        for name, one in found.items()
        if one.get("amplitude") is not None
    }


def _words(value: str, percent: float | str | None) -> str:
    if percent in {None, ""}:
        return value
    return f"{value} ({percent:.0f}%)" if isinstance(percent, int | float) else f"{value} ({percent}%)"


def _to_creatine(document: Mapping[str, Any]) -> dict[str, str]:
    """Return an imported result's ratios to total creatine by our names."""
    found: dict[str, str] = {}
    for one in document.get("metabolites", ()):
        for estimate in one.get("estimates", ()):
            if estimate.get("unit") == "ratio" and "cr" in estimate.get("reference", "").lower() and estimate["value"]:
                name = NAMES.get(one["name"], one["name"])
                found.setdefault(name, _words(estimate["value"], one.get("percent_sd", "")))
    return found
