"""Form fields for days and moments: separate boxes as in the design system, never a picker, never 11/12."""

import datetime
from collections.abc import Sequence
from typing import Any

from django import forms

from studyportal import clock
from studyportal.moments import read_date, read_moment


class PartsWidget(forms.MultiWidget):
    """Day, month, year and, for moments, time, each in a box of its own."""

    template_name = "forms/parts.html"
    use_fieldset = True

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        super().__init__([forms.TextInput() for _ in names])

    def decompress(self, value: Any) -> list[str]:
        """Return an empty box for each part; dates are split by the field."""
        del value
        return [""] * len(self.names)

    def id_for_label(self, id_: str) -> str:
        """Return the first box's id, so that the error summary leads there."""
        return f"{id_}_0"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add each box's label and width to Django's context."""
        context = super().get_context(name, value, attrs)
        for part, subwidget in zip(self.names, context["widget"]["subwidgets"], strict=True):
            subwidget["label"] = part
            subwidget["width"] = {"Year": 4, "Time": 5}.get(part, 2)
            subwidget["mode"] = "text" if part == "Time" else "numeric"
        return context


class DateField(forms.Field):
    """A day typed in three boxes."""

    PARTS: tuple[str, ...] = ("Day", "Month", "Year")

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "For example, 23 11 2026")
        super().__init__(widget=PartsWidget(self.PARTS), **options)

    def prepare_value(self, value: Any) -> Any:
        """Split a date into its boxes; what was typed stays as it was typed."""
        if isinstance(value, datetime.date):
            return [str(value.day), str(value.month), str(value.year)]
        return value

    def clean(self, value: Any) -> Any:
        """Return the date, None when an optional field is empty."""
        parts = [str(part or "") for part in value or ()] or [""] * len(self.PARTS)
        if not any(part.strip() for part in self.deciding(parts)):
            if self.required:
                raise forms.ValidationError("Enter the day, the month and the year.", code="required")
            return None
        try:
            return self.read(parts)
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from None

    def deciding(self, parts: list[str]) -> list[str]:
        """Return the parts whose emptiness means that nothing was entered."""
        return parts

    def read(self, parts: list[str]) -> datetime.date:
        """Return the date of the typed parts."""
        return read_date(*parts[:3])


class MomentField(DateField):
    """A day and a time as the site's clocks show them; cleaned to a moment in UTC.

    The form sets `zone` to the site's. The day may be filled in beforehand: an optional moment counts as empty while
    its time is.
    """

    PARTS = ("Day", "Month", "Year", "Time")

    def __init__(self, **options: Any) -> None:
        self.zone = "Europe/London"
        options.setdefault("help_text", "Time on the 24-hour clock, for example 14:05")
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        """Split a moment into its boxes in the site's zone."""
        if isinstance(value, datetime.datetime):
            local = clock.local(value, self.zone)
            return [str(local.day), str(local.month), str(local.year), f"{local:%H:%M}"]
        return value

    def deciding(self, parts: list[str]) -> list[str]:
        """Return the time alone for an optional moment, whose day may be filled in already."""
        return parts if self.required else parts[3:]

    def read(self, parts: list[str]) -> datetime.datetime:
        """Return the moment of the typed parts."""
        day = read_date(*parts[:3])
        if not parts[3].strip():
            raise ValueError("Enter the time.")
        return read_moment(day, parts[3], self.zone)


def day_of(moment: datetime.datetime, zone: str) -> list[str]:
    """Return boxes that hold a moment's day and no time yet."""
    local = clock.local(moment, zone)
    return [str(local.day), str(local.month), str(local.year), ""]
