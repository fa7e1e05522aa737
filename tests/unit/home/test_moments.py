"""Days and times as people type them, the two nights of the clock change included."""

import datetime

import pytest
from django import forms

from studyportal.accounts.roles import ROLE_PERMISSIONS, Permission, Role
from studyportal.errors import InvalidInput, InvalidState, NotPermitted
from studyportal.fields import DateField, MomentField, day_of
from studyportal.forms import carried_out
from studyportal.moments import read_date, read_moment
from studyportal.navigation import items
from studyportal.reports import words

LONDON = "Europe/London"


def utc(*parts: int) -> datetime.datetime:
    return datetime.datetime(*parts, tzinfo=datetime.UTC)


@pytest.mark.parametrize("month", ["11", "Nov", "november"])
def test_a_date_is_read_from_three_parts(month: str) -> None:
    assert read_date(" 23 ", month, "2026") == datetime.date(2026, 11, 23)


@pytest.mark.parametrize(
    ("parts", "words_"),
    [
        (("", "11", ""), "Enter the day and the year."),
        (("a", "11", "2026"), "The day must be a number."),
        (("1", "Smarch", "2026"), "The month must be a number."),
        (("1", "11", "26"), "Write the year with four digits, for example 1992."),
        (("31", "2", "2026"), "There is no such day: 31 2 2026."),
        (("٣", "2", "2026"), "The day must be a number."),
        (("0", "2", "2026"), "There is no such day: 0 2 2026."),
        (("1", "2", "0000"), "There is no such day: 1 2 0000."),
    ],
)
def test_a_wrong_date_is_refused_with_what_is_wrong(parts: tuple[str, str, str], words_: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the words are compared
        read_date(*parts)
    assert str(refusal.value) == words_


@pytest.mark.parametrize(
    ("day", "time", "moment"),
    [
        (datetime.date(2026, 11, 25), "14:05", utc(2026, 11, 25, 14, 5)),
        (datetime.date(2026, 7, 1), "9.05", utc(2026, 7, 1, 8, 5)),
        (datetime.date(2026, 7, 1), "09:05 bst", utc(2026, 7, 1, 8, 5)),
        (datetime.date(2026, 3, 29), "00:59", utc(2026, 3, 29, 0, 59)),
        (datetime.date(2026, 3, 29), "02:00", utc(2026, 3, 29, 1, 0)),
        (datetime.date(2026, 10, 25), "01:30 BST", utc(2026, 10, 25, 0, 30)),
        (datetime.date(2026, 10, 25), "01:30 GMT", utc(2026, 10, 25, 1, 30)),
    ],
)
def test_a_local_time_becomes_a_moment(day: datetime.date, time: str, moment: datetime.datetime) -> None:
    assert read_moment(day, time, LONDON) == moment


@pytest.mark.parametrize(
    ("day", "time", "words_"),
    [
        (datetime.date(2026, 11, 25), "2 pm", "Write the time as hours and minutes, for example 14:05."),
        (datetime.date(2026, 11, 25), "24:00", "The time lies between 00:00 and 23:59."),
        (
            datetime.date(2026, 3, 29), "01:30",
            "01:30 does not exist on 29 Mar 2026: the clocks go forward that night.",
        ),
        (
            datetime.date(2026, 10, 25), "01:30",
            "01:30 happens twice on 25 Oct 2026: the clocks go back that night. Write 01:30 BST or 01:30 GMT.",
        ),
        (
            datetime.date(2026, 11, 25), "14:05 BST",
            "The site's clocks show GMT then, not BST. Write the site's time.",
        ),
    ],
)  # fmt: skip
def test_a_time_that_does_not_exist_or_happens_twice_is_refused(day: datetime.date, time: str, words_: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the words are compared
        read_moment(day, time, LONDON)
    assert str(refusal.value) == words_


class Sample(forms.Form):
    day = DateField(label="Day")
    other = DateField(label="Other", required=False)
    at = MomentField(label="At")
    until = MomentField(label="Until", required=False)


FILLED = {
    "day_0": "23", "day_1": "11", "day_2": "2026", "at_0": "1", "at_1": "7", "at_2": "2026", "at_3": "9:05",
    "until_0": "1", "until_1": "7", "until_2": "2026", "until_3": "",
}  # fmt: skip


def test_the_fields_clean_to_dates_and_moments() -> None:
    form = Sample(FILLED)
    assert form.is_valid()
    assert form.cleaned_data == {
        "day": datetime.date(2026, 11, 23), "other": None, "at": utc(2026, 7, 1, 8, 5), "until": None,
    }  # fmt: skip


def test_the_fields_keep_what_was_typed_and_say_what_is_wrong() -> None:
    form = Sample(FILLED | {"day_0": "<31", "day_1": "Feb", "at_3": "", "until_3": "25:00"})
    assert form.errors == {
        "day": ["The day must be a number."], "at": ["Enter the time."],
        "until": ["The time lies between 00:00 and 23:59."],
    }  # fmt: skip
    page = str(form)
    assert 'value="&lt;31"' in page
    assert 'value="Feb"' in page
    assert 'href="#id_day_0"' in page
    assert Sample({}).errors["day"] == ["Enter the day, the month and the year."]


def test_initial_values_are_split_in_the_sites_zone() -> None:
    form = Sample(initial={"day": datetime.date(1992, 5, 4), "at": utc(2026, 7, 1, 8, 5)})
    assert form["day"].value() == ["4", "5", "1992"]
    assert form["at"].value() == ["1", "7", "2026", "09:05"]
    assert 'value="09:05"' in str(form["at"])
    assert day_of(utc(2026, 6, 30, 23, 30), LONDON) == ["1", "7", "2026", ""]
    assert 'name="other_0"' in str(form["other"])


class Name(forms.Form):
    name = forms.CharField()


def refusing(error: Exception):
    def act() -> str:
        raise error

    return act


def test_a_refusal_becomes_the_forms_error() -> None:
    form = Name({"name": "x"})
    assert carried_out(form, lambda: "done") == "done"
    assert carried_out(Name({}), lambda: "done") is None
    assert carried_out(form, refusing(InvalidInput("Look again.", fields={"name": "Too short."}))) is None
    assert form.errors == {"name": ["Too short."]}
    form = Name({"name": "x"})
    assert carried_out(form, refusing(InvalidInput("Look again.", fields={"elsewhere": "Bad."}))) is None
    assert form.non_field_errors() == ["Look again."]
    form = Name({"name": "x"})
    assert carried_out(form, refusing(InvalidState("Signed already."))) is None
    assert form.non_field_errors() == ["Signed already."]
    with pytest.raises(NotPermitted):
        carried_out(Name({"name": "x"}), refusing(NotPermitted("No.")))


NOW = utc(2026, 11, 25, 12)


@pytest.mark.parametrize(
    ("opens", "closes", "said"),
    [
        (utc(2026, 11, 26, 9), None, "opens Thu 26 Nov, 09:00, tomorrow"),
        (utc(2026, 11, 28, 9), None, "opens Sat 28 Nov, 09:00, 3 days"),
        (utc(2026, 11, 20, 9), None, "open since Fri 20 Nov"),
        (utc(2026, 11, 20, 9), utc(2026, 11, 21, 9), "window closed Sat 21 Nov, 4 days ago"),
        (utc(2026, 11, 20, 9), utc(2026, 11, 24, 9), "window closed Tue 24 Nov, yesterday"),
        (utc(2026, 11, 20, 9), utc(2026, 11, 25, 16), "closes today, 16:00"),
        (utc(2026, 11, 20, 9), utc(2026, 11, 27, 9), "closes Fri 27 Nov, 2 days"),
    ],
)
def test_windows_are_said_in_words(opens: datetime.datetime, closes: datetime.datetime | None, said: str) -> None:
    assert words.window(opens, closes, NOW, LONDON) == said


def test_how_long_ago_is_said_roughly() -> None:
    said = [words.ago(NOW - datetime.timedelta(minutes=m), NOW) for m in (0, 1, 59, 60, 150, 1440, 2900)]
    assert said == [
        "just now", "1 minute ago", "59 minutes ago", "1 hour ago", "2 hours ago", "1 day ago", "2 days ago",
    ]  # fmt: skip


def test_navigation_shows_what_the_role_reaches() -> None:
    def labels(role: Role, path: str = "/") -> list[tuple[str, bool]]:
        return [(item.label, item.is_current) for item in items("web", ROLE_PERMISSIONS[role], path)]

    assert labels(Role.RATER) == [("My ratings", False), ("My guesses", False)]
    assert labels(Role.COORDINATOR, "/participants/XO-001/")[:2] == [("Worklist", False), ("Participants", True)]
    assert labels(Role.COORDINATOR)[0] == ("Worklist", True)
    both = {Permission.RATING_ENTER, Permission.RATING_ASSIGN}
    assert [i.label for i in items("web", both, "/ratings/plan/") if i.is_current] == ["Rating plan"]
