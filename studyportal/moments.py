"""From what a clinician writes, a day and a time in the site's zone, to a moment; both nights of the clock change."""

import calendar
import datetime
import re
from zoneinfo import ZoneInfo

TIME = re.compile(r"^(\d{1,2})[:.](\d{2})(?:\s+([A-Za-z]{2,5}|[+-]\d{2}))?$")
MONTHS = {
    name.lower(): number
    for names in (calendar.month_abbr, calendar.month_name)
    for number, name in enumerate(names)
    if name
}


def read_date(day: str, month: str, year: str) -> datetime.date:
    """Return the date of three typed parts; the month may be a number or an English name.

    Raises:
        ValueError: with the sentence that belongs beside the field.
    """
    parts = {"day": day.strip(), "month": month.strip(), "year": year.strip()}
    missing = [name for name, value in parts.items() if not value]
    if missing:
        msg = f"Enter the {' and the '.join(missing)}."
        raise ValueError(msg)
    named = MONTHS.get(parts["month"].lower())
    numbers = {name: _number(name, value) for name, value in parts.items() if not (name == "month" and named)}
    if len(parts["year"]) != 4:
        raise ValueError("Write the year with four digits, for example 1992.")
    try:
        return datetime.date(numbers["year"], named or numbers["month"], numbers["day"])
    except ValueError:
        msg = f"There is no such day: {parts['day']} {parts['month']} {parts['year']}."
        raise ValueError(msg) from None


def read_moment(day: datetime.date, time: str, zone: str) -> datetime.datetime:
    """Return the UTC moment of a local time in `zone`, written as 14:05 or, in the autumn night, as 01:30 GMT.

    Raises:
        ValueError: the time is unreadable, does not exist that night, or happens twice and does not say which.
    """
    found = TIME.match(time.strip())
    if found is None:
        raise ValueError("Write the time as hours and minutes, for example 14:05.")
    hours, minutes, named = int(found[1]), int(found[2]), (found[3] or "").upper()
    if hours > 23 or minutes > 59:
        raise ValueError("The time lies between 00:00 and 23:59.")
    local = datetime.datetime.combine(day, datetime.time(hours, minutes), ZoneInfo(zone))
    first, second = (local.replace(fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return _checked(first, named)
    written = f"{hours:02d}:{minutes:02d}"
    if first.astimezone(datetime.UTC).astimezone(first.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        msg = f"{written} does not exist on {day.day} {day:%b %Y}: the clocks go forward that night."
        raise ValueError(msg)
    for candidate in (first, second):
        if named == candidate.tzname():
            return candidate.astimezone(datetime.UTC)
    msg = (
        f"{written} happens twice on {day.day} {day:%b %Y}: the clocks go back that night. "
        f"Write {written} {first.tzname()} or {written} {second.tzname()}."
    )
    raise ValueError(msg)


def _checked(moment: datetime.datetime, named: str) -> datetime.datetime:
    if named and named != moment.tzname():
        msg = f"The site's clocks show {moment.tzname()} then, not {named}. Write the site's time."
        raise ValueError(msg)
    return moment.astimezone(datetime.UTC)


def _number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 4:
        msg = f"The {name} must be a number."
        raise ValueError(msg)
    return int(value)
