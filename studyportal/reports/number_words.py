"""Estimates as sentences say them."""

from studyportal.reports.analysis import Estimate, Proportion

MINUS = "−"


def signed(value: float, digits: int = 1) -> str:
    """Return a number with a real minus sign, as typographers set it."""
    text = f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("-")


def interval(estimate: Estimate, digits: int = 1) -> str:
    """Return value and interval, as in 3.6 (95 % CI 0.4 to 6.8)."""
    lower, upper = signed(estimate.lower, digits), signed(estimate.upper, digits)
    return f"{signed(estimate.value, digits)} (95 % CI {lower} to {upper})"


def share(proportion: Proportion) -> str:
    """Return a count with its share, as in 13 of 26 (50 %, 95 % CI 32 to 68)."""
    percent = [round(100 * value) for value in (proportion.value, proportion.lower, proportion.upper)]
    return f"{proportion.successes} of {proportion.n} ({percent[0]} %, 95 % CI {percent[1]} to {percent[2]})"


def p_words(p_value: float) -> str:
    """Return P to two or three digits, never as zero."""
    if p_value < 0.001:
        return "P < 0.001"
    return f"P = {p_value:.3f}" if p_value < 0.1 else f"P = {p_value:.2f}"
