"""Days and windows in words, in the site's zone: `closes Thu 26 Nov, 2 days`."""

import datetime

from studyportal import clock


def day(moment: datetime.datetime, zone: str) -> str:
    """Return a day as `Thu 26 Nov`."""
    local = clock.local(moment, zone)
    return f"{local:%a} {local.day} {local:%b}"


def day_and_time(moment: datetime.datetime, zone: str) -> str:
    """Return a moment as `Thu 26 Nov, 14:00`."""
    return f"{day(moment, zone)}, {clock.local(moment, zone):%H:%M}"


def days(count: int) -> str:
    """Return a number of days in words."""
    return f"{count} day{'' if count == 1 else 's'}"


def distance(moment: datetime.datetime, now: datetime.datetime, zone: str) -> str:
    """Return how far a moment is by the calendar: `today`, `tomorrow`, `2 days`, `3 days ago`."""
    apart = (clock.local(moment, zone).date() - clock.local(now, zone).date()).days
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    return near.get(apart) or (days(apart) if apart > 0 else f"{days(-apart)} ago")


def ago(moment: datetime.datetime, now: datetime.datetime) -> str:
    """Return how long ago something was, roughly: `5 minutes ago`, `3 hours ago`, `2 days ago`."""
    minutes = max(int((now - moment).total_seconds() // 60), 0)
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def window(opens_at: datetime.datetime, closes_at: datetime.datetime | None, now: datetime.datetime, zone: str) -> str:
    """Return a window as what matters now: when it opens, when it closes, or that it closed."""
    if opens_at > now:
        return f"opens {day_and_time(opens_at, zone)}, {distance(opens_at, now, zone)}"
    if closes_at is None:
        return f"open since {day(opens_at, zone)}"
    if closes_at < now:
        return f"window closed {day(closes_at, zone)}, {distance(closes_at, now, zone)}"
    if distance(closes_at, now, zone) == "today":
        return f"closes today, {clock.local(closes_at, zone):%H:%M}"
    return f"closes {day(closes_at, zone)}, {distance(closes_at, now, zone)}"
