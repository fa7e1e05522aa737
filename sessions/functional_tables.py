"""The tidy tables of a functional result: fits of parts, changes after the dose, effects of the model, transients.

What the engine told in, rows of plain values out; the same columns for the portal's downloads and for the API. Minutes
count from the start of the infusion where the scan's start is on record (`minutes_from_infusion`), and from the start
of the first transient always.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Row = dict[str, Any]  # Any: a row's values have the types that the columns' names say
AMPLITUDE, RATIO = "amplitude", "ratio"
SERIES = (
    "part", "part_name", "first_transient", "last_transient", "transients", "minutes_from_start",
    "minutes_from_infusion", "quantity", "name", "value", "crlb_percent", "change_percent", "snr", "fwhm_hz",
    "shift_hz", "phase_deg", "residual_over_noise", "has_converged",
)  # fmt: skip
CHANGES = (
    "quantity", "name", "predose_value", "predose_transients", "change_percent", "change_se", "change_low",
    "change_high", "auc_percent_minutes", "auc_se", "auc_low", "auc_high", "minutes_after_dose", "dose_from_minutes",
    "dose_to_minutes",
)  # fmt: skip
EFFECTS = (
    "quantity", "name", "term", "kind", "estimate", "se", "low", "high", "p", "percent", "percent_low", "percent_high",
    "response", "transients", "degrees_of_freedom", "residual_sd", "autocorrelation",
)  # fmt: skip
TRANSIENTS = (
    "transient", "minutes_from_start", "minutes_from_infusion", "shift_hz", "phase_deg", "width_change_hz", "fwhm_hz",
    "snr", "scale", "is_rejected", "rejected_because",
)  # fmt: skip
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "series": SERIES, "changes": CHANGES, "effects": EFFECTS, "transients": TRANSIENTS
}  # fmt: skip
QUALITY = ("snr", "fwhm_hz", "shift_hz", "phase_deg", "residual_over_noise", "has_converged")


def count(series: Sequence[Mapping[str, Any]]) -> int:
    """Return how many rows `series_rows` yields."""
    return len(series) * len(_quantities(series))


def _quantities(series: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return what every part has: the engine fits all parts with one model, so that they share their names."""
    if not series:
        return []
    first = series[0]
    found = [(AMPLITUDE, name) for name in first["metabolites"]] + [(RATIO, name) for name in first["ratios"]]
    return sorted(found)


def series_rows(series: Sequence[Mapping[str, Any]], to_scan: float | None) -> Iterator[Row]:
    """Yield one row a part and quantity: value, bound, change from before the dose, quality of the part's fit."""
    quantities = _quantities(series)
    for entry in series:
        members, quality, changes = entry["transients"], entry["quality"], entry.get("change_percent", {})
        frame = {
            "part": entry["index"], "part_name": entry.get("name", ""), "first_transient": members[0],
            "last_transient": members[-1], "transients": len(members), "minutes_from_start": entry["minutes"],
            "minutes_from_infusion": _placed(entry["minutes"], to_scan),
        }  # fmt: skip
        of_fit = {name: quality.get(name) for name in QUALITY}
        for quantity, name in quantities:
            found = entry["ratios" if quantity == RATIO else "metabolites"].get(name, {})
            yield frame | {
                "quantity": quantity, "name": name, "value": found.get("value" if quantity == RATIO else "amplitude"),
                "crlb_percent": found.get("crlb_percent"),
                "change_percent": changes.get(name) if quantity == RATIO else None,
            } | of_fit  # fmt: skip


def change_rows(outcomes: Mapping[str, Any]) -> Iterator[Row]:
    """Yield one row a quantity: its mean before the dose, the change after its start and the area under it."""
    before = outcomes.get("predose") or {}
    begin, end = (outcomes.get("clock") or {}).get("dose_minutes") or (None, None)
    for name, found in sorted((outcomes.get("change_after_dose") or {}).items(), key=_by_quantity):
        percent, area = found["percent"], found["auc_percent_minutes"]
        yield {
            "quantity": _quantity(name), "name": name, "predose_value": before.get("values", {}).get(name),
            "predose_transients": len(before.get("transients", ())), "change_percent": percent["value"],
            "change_se": percent["se"], "change_low": percent["ci95"][0], "change_high": percent["ci95"][1],
            "auc_percent_minutes": area["value"], "auc_se": area["se"], "auc_low": area["ci95"][0],
            "auc_high": area["ci95"][1], "minutes_after_dose": found["minutes"], "dose_from_minutes": begin,
            "dose_to_minutes": end,
        }  # fmt: skip


def effect_rows(outcomes: Mapping[str, Any]) -> Iterator[Row]:
    """Yield one row a quantity and term of the general linear model: baseline, regressors, contrasts."""
    model = outcomes.get("glm") or {}
    for name, found in sorted(model.get("outcomes", {}).items(), key=_by_quantity):
        terms = [("baseline", "baseline", found["baseline"])]
        terms += [("regressor", term, told) for term, told in found["regressors"].items()]
        terms += [("contrast", term, told) for term, told in found["contrasts"].items()]
        for kind, term, told in sorted(terms, key=lambda one: one[1]):
            low, high = told.get("percent_ci95", (None, None))
            yield {
                "quantity": _quantity(name), "name": name, "term": term, "kind": kind, "estimate": told["estimate"],
                "se": told["se"], "low": told["ci95"][0], "high": told["ci95"][1], "p": told["p"],
                "percent": told.get("percent"), "percent_low": low, "percent_high": high,
                "response": model["response"], "transients": model["transients"],
                "degrees_of_freedom": model["degrees_of_freedom"], "residual_sd": found["residual_sd"],
                "autocorrelation": model["autocorrelation"].get(name),
            }  # fmt: skip


def transient_rows(table: Mapping[str, Any], to_scan: float | None) -> Iterator[Row]:
    """Yield one row a transient: frequency, phase, width and signal against the mean, and whether it was left out."""
    reasons = {int(number): said for number, said in (table.get("reasons") or {}).items()}
    rejected = set(table.get("rejected", ()))
    measured = ("shift_hz", "phase_deg", "width_change_hz", "fwhm_hz", "snr", "scale")
    for number in range(table.get("count") or 0):
        minutes = _at(table, "minutes", number)
        yield {
            "transient": number, "minutes_from_start": minutes, "minutes_from_infusion": _placed(minutes, to_scan)
        } | {name: _at(table, name, number) for name in measured} | {
            "is_rejected": number in rejected, "rejected_because": reasons.get(number, ""),
        }  # fmt: skip


def _at(table: Mapping[str, Any], name: str, number: int) -> float | None:
    values = table.get(name) or ()
    return values[number] if number < len(values) else None


def _placed(minutes: float | None, to_scan: float | None) -> float | None:
    return None if minutes is None or to_scan is None else round(minutes + to_scan, 3)


def _quantity(name: str) -> str:
    return RATIO if "/" in name else AMPLITUDE


def _by_quantity(one: tuple[str, Any]) -> tuple[str, str]:
    return _quantity(one[0]), one[0]
