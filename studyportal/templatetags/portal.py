"""Template tags of the portal: dates and times as clinicians read them, icons, form controls."""

import datetime
from zoneinfo import ZoneInfo

from django import forms, template
from django.forms import BoundField
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from studyportal.sentences import spoken

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
def local_clock(value: datetime.datetime | None, zone: str = "Europe/London") -> str:
    """Return a moment as 10:31 in the site's zone, without its name.

    For those who review fits without the session: GMT or BST would say in which season it was, and so often which.
    """
    return f"{value.astimezone(ZoneInfo(zone)):%H:%M}" if value else "–"


@register.filter
def local_moment(value: datetime.datetime | None, zone: str = "Europe/London") -> str:
    """Return a moment as 23 Nov 2026, 10:31 GMT in the site's zone."""
    if value is None:
        return "–"
    local = value.astimezone(ZoneInfo(zone))
    return f"{uk_date(local.date())}, {local:%H:%M %Z}"


@register.filter
def local_day(value: datetime.datetime | None, zone: str = "Europe/London") -> str:
    """Return a moment's day as 23 Nov 2026 in the site's zone."""
    return uk_date(value.astimezone(ZoneInfo(zone)).date()) if value else "–"


@register.filter
def local_weekday(value: datetime.datetime, zone: str = "Europe/London") -> str:
    """Return a moment's day as Monday, 23 Nov 2026 in the site's zone."""
    local = value.astimezone(ZoneInfo(zone))
    return f"{local:%A}, {uk_date(local.date())}"


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return an icon of the sprite, silent to screen readers: the words stand beside it."""
    return format_html(
        '<svg class="icon icon-{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        name,
        static("icons/sprite.svg"),
        name,
    )


@register.filter
def sentences(field: BoundField | None) -> list[str]:
    """Return a field's errors, Django's stock messages among them in the portal's words; none without a form yet."""
    return spoken(field) if field else []


CONTROL_CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, "govuk-checkboxes__input"),
    (forms.RadioSelect, ""),
    (forms.Textarea, "govuk-textarea"),
    (forms.FileInput, "govuk-file-upload"),
    (forms.Select, "govuk-select"),
    (forms.widgets.Input, "govuk-input"),
)


@register.filter
def control(field: BoundField) -> SafeString:
    """Return a field's control with the design system's class, and the error class where it was refused."""
    widget = field.field.widget
    name = next((css for kind, css in CONTROL_CLASSES if isinstance(widget, kind)), "")
    classes = [widget.attrs.get("class", ""), name, f"{name}--error" if name and field.errors else ""]
    return field.as_widget(attrs={"class": " ".join(filter(None, classes))})
