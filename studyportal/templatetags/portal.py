"""Template tags of the portal: dates and times as clinicians read them."""

import datetime
from zoneinfo import ZoneInfo

from django import template

register = template.Library()


@register.filter
def uk_date(value: datetime.date | None) -> str:
    """Return a date as 23 Nov 2026; never 11/12."""
    return f"{value.day} {value:%b %Y}" if value else "–"


@register.filter
def local_time(value: datetime.datetime | None, zone: str = "Europe/London") -> str:
    """Return a moment as 10:31 GMT in the site's zone."""
    return f"{value.astimezone(ZoneInfo(zone)):%H:%M %Z}" if value else "–"


@register.filter
def local_moment(value: datetime.datetime | None, zone: str = "Europe/London") -> str:
    """Return a moment as 23 Nov 2026, 10:31 GMT in the site's zone."""
    if value is None:
        return "–"
    local = value.astimezone(ZoneInfo(zone))
    return f"{uk_date(local.date())}, {local:%H:%M %Z}"
