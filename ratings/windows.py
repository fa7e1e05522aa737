"""Windows and clock times as clinicians read and type them: pure.

Elapsed time is counted in UTC (a day over a change of clocks has 23 or 25 hours on the wall, but the protocol's 24
hours are 24 hours); what is typed and shown is the site's wall clock, with the zone's name.
"""

import datetime
import re
from typing import NamedTuple
from zoneinfo import ZoneInfo

from studyportal.errors import InvalidInput

CLOSING = datetime.timedelta(hours=2)
LONGEST_INTERVIEW = datetime.timedelta(hours=8)
OLDEST_PAPER = datetime.timedelta(days=31)
TYPED_TIME = re.compile(r"([01]?[0-9]|2[0-3])[:.]?([0-5][0-9])")


class Window(NamedTuple):
    """From when until when an assessment may be rated without a deviation."""

    opens: datetime.datetime
    closes: datetime.datetime

    def holds(self, moment: datetime.datetime) -> bool:
        """Return whether `moment` lies in the window, its ends included."""
        return self.opens <= moment <= self.closes

    def state(self, now: datetime.datetime) -> str:
        """Return `later`, `today`, `open`, `closing` or `missed`; `today` opens within 24 hours."""
        if now > self.closes:
            return "missed"
        if now >= self.opens:
            return "closing" if self.closes - now <= CLOSING else "open"
        return "today" if self.opens - now <= datetime.timedelta(hours=24) else "later"

    def words(self, now: datetime.datetime, zone: str) -> str:
        """Return the window as a sentence in the site's time."""
        opens, closes = (_moment(end, zone) for end in (self.opens, self.closes))
        match self.state(now):
            case "missed":
                return f"closed {closes}, {_span(now - self.closes)} ago"
            case "closing":
                return f"closes {closes}, in {_span(self.closes - now)}"
            case "open":
                return f"open until {closes}, {_span(self.closes - now)} left"
            case _:
                return f"opens {opens}, in {_span(self.opens - now)}; closes {closes}"


def _moment(value: datetime.datetime, zone: str) -> str:
    local = value.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y}, {local:%H:%M %Z}"


def _span(span: datetime.timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    for size, word in ((24 * 60, "days"), (60, "hours")):
        if minutes >= 2 * size:
            return f"{minutes // size} {word}"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def interview_end(text: str, *, started_at: datetime.datetime, now: datetime.datetime, zone: str) -> datetime.datetime:
    """Return the moment meant by a typed HH:MM: the first such time at or after the start, past midnight too.

    Raises:
        InvalidInput: no clock time, a time that the change of clocks skipped, one before the start, or in the future.
    """
    hours_minutes = _typed("ended_at", text)
    started = started_at.astimezone(datetime.UTC)
    tz = ZoneInfo(zone)
    day = started.astimezone(tz).date()
    same_day, next_day = (_on_the_wall(day + datetime.timedelta(days=n), hours_minutes, tz) for n in (0, 1))
    moments = [moment for moment in same_day + next_day if moment >= started.replace(second=0, microsecond=0)]
    if not same_day or not moments:
        raise _refused("ended_at", "The clocks skipped this time that night. Look at the clock again.")
    end = max(moments[0], started)
    begun = f"{started.astimezone(tz):%H:%M %Z}"
    if end - started > LONGEST_INTERVIEW:
        message = f"The interview started at {begun}; it cannot end before that, or last over 8 hours."
        raise _refused("ended_at", message)
    if end > now + datetime.timedelta(minutes=1):
        raise _refused("ended_at", f"The end time lies in the future, or before the start at {begun}.")
    return end


def paper_start(day: datetime.date, text: str, *, now: datetime.datetime, zone: str) -> datetime.datetime:
    """Return when an interview kept on paper began.

    Raises:
        InvalidInput: no clock time, one that the change of clocks skipped, the future, or over 31 days ago.
    """
    moments = _on_the_wall(day, _typed("started_time", text), ZoneInfo(zone))
    if not moments:
        raise _refused("started_time", "The clocks skipped this time that night. Look at the paper again.")
    if moments[0] > now:
        raise _refused("started_time", "The interview cannot have started in the future.")
    if now - moments[0] > OLDEST_PAPER:
        raise _refused("started_day", "This is more than 31 days ago. Check the date.")
    return moments[0]


def _typed(field: str, text: str) -> datetime.time:
    found = TYPED_TIME.fullmatch(text.strip())
    if found is None or not text.isascii():
        said = f", not “{text.strip()[:12]}”" if text.strip() else ""
        raise _refused(field, f"Enter the time on a 24-hour clock, as 10:52{said}.")
    return datetime.time(int(found[1]), int(found[2]))


def _on_the_wall(day: datetime.date, at: datetime.time, tz: ZoneInfo) -> list[datetime.datetime]:
    """Return the moments at which the wall clock shows `at` on `day`: none in a gap, two in a fold."""
    moments = []
    for fold in (0, 1):
        moment = datetime.datetime.combine(day, at, tz).replace(fold=fold).astimezone(datetime.UTC)
        if moment.astimezone(tz).replace(tzinfo=None) == datetime.datetime.combine(day, at) and moment not in moments:
            moments.append(moment)
    return moments


def _refused(field: str, sentence: str) -> InvalidInput:
    return InvalidInput(sentence, fields={field: sentence})
