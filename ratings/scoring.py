"""Scoring of the MADRS: the server computes every total; nobody types one.

Source: Montgomery & Asberg, Br J Psychiatry 1979;134:382-389 (ten items of 0 to 6; total 0 to 60).
"""

from collections.abc import Mapping

ITEMS = range(1, 11)
LOWEST, HIGHEST = 0, 6
SUICIDAL_ITEM = 10

TITLES: Mapping[int, str] = {
    1: "Apparent sadness",
    2: "Reported sadness",
    3: "Inner tension",
    4: "Reduced sleep",
    5: "Reduced appetite",
    6: "Concentration difficulties",
    7: "Lassitude",
    8: "Inability to feel",
    9: "Pessimistic thoughts",
    10: "Suicidal thoughts",
}


def total(scores: Mapping[int, int | None]) -> int | None:
    """Return the sum of the ten items (0 to 60), or None when any of them is missing."""
    values = [scores.get(item) for item in ITEMS]
    if any(value is None for value in values):
        return None
    return sum(value for value in values if value is not None)


def is_response(before: int | None, after: int | None) -> bool | None:
    """Return whether a total fell by at least half from the same session's own earlier total; None when unknown."""
    if before is None or after is None or before == 0:
        return None
    return after <= before / 2
