"""Windows and clock times, over midnight and over both changes of clocks."""

import datetime

import pytest

from ratings.windows import Window, interview_end, paper_start
from studyportal.errors import InvalidInput

LONDON = "Europe/London"


def utc(day: str, time: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"{day}T{time}:00+00:00")


WINDOW = Window(utc("2026-11-24", "10:00"), utc("2026-11-24", "18:00"))


OPENS, CLOSES = "opens Tue 24 Nov 2026, 10:00 GMT", "closes Tue 24 Nov 2026, 18:00 GMT"


@pytest.mark.parametrize(
    ("now", "state", "words"),
    [
        (utc("2026-11-20", "10:00"), "later", f"{OPENS}, in 4 days; {CLOSES}"),
        (utc("2026-11-23", "10:00"), "today", f"{OPENS}, in 24 hours; {CLOSES}"),
        (utc("2026-11-24", "09:59"), "today", f"{OPENS}, in 1 minute; {CLOSES}"),
        (utc("2026-11-24", "10:00"), "open", "open until Tue 24 Nov 2026, 18:00 GMT, 8 hours left"),
        (utc("2026-11-24", "16:00"), "closing", "closes Tue 24 Nov 2026, 18:00 GMT, in 2 hours"),
        (utc("2026-11-24", "18:00"), "closing", "closes Tue 24 Nov 2026, 18:00 GMT, in 0 minutes"),
        (utc("2026-11-24", "19:30"), "missed", "closed Tue 24 Nov 2026, 18:00 GMT, 90 minutes ago"),
        (utc("2026-11-27", "18:00"), "missed", "closed Tue 24 Nov 2026, 18:00 GMT, 3 days ago"),
    ],
)  # fmt: skip
def test_a_window_says_where_it_stands(now: datetime.datetime, state: str, words: str) -> None:
    assert (WINDOW.state(now), WINDOW.words(now, LONDON)) == (state, words)


def test_a_window_holds_its_ends_and_nothing_beyond() -> None:
    second = datetime.timedelta(seconds=1)
    assert [WINDOW.holds(m) for m in (WINDOW.opens, WINDOW.closes)] == [True, True]
    assert [WINDOW.holds(m) for m in (WINDOW.opens - second, WINDOW.closes + second)] == [False, False]


@pytest.mark.parametrize(
    ("text", "started", "now", "end"),
    [
        ("10:52", ("2026-11-23", "10:31"), ("2026-11-23", "10:53"), ("2026-11-23", "10:52")),
        ("1052", ("2026-11-23", "10:31"), ("2026-11-23", "10:53"), ("2026-11-23", "10:52")),
        (" 9.05 ", ("2026-11-23", "09:00"), ("2026-11-23", "10:53"), ("2026-11-23", "09:05")),
        ("10:31", ("2026-11-23", "10:31"), ("2026-11-23", "10:31"), ("2026-11-23", "10:31")),
        # summer time: what is typed is the wall clock
        ("11:52", ("2026-07-01", "10:31"), ("2026-07-01", "10:53"), ("2026-07-01", "10:52")),
        # past midnight
        ("00:25", ("2026-11-23", "23:40"), ("2026-11-24", "00:26"), ("2026-11-24", "00:25")),
        # over the spring change: 00:30 GMT to 02:10 BST is 40 minutes
        ("02:10", ("2026-03-29", "00:30"), ("2026-03-29", "01:15"), ("2026-03-29", "01:10")),
        # over the autumn change: begun 01:20 BST, ended 01:40 BST, the first of two 01:40
        ("01:40", ("2026-10-25", "00:20"), ("2026-10-25", "02:00"), ("2026-10-25", "00:40")),
        # begun 01:50 BST, ended 01:15: the second 01:15
        ("01:15", ("2026-10-25", "00:50"), ("2026-10-25", "02:00"), ("2026-10-25", "01:15")),
    ],
)
def test_the_end_of_an_interview(
    text: str, started: tuple[str, str], now: tuple[str, str], end: tuple[str, str]
) -> None:
    assert interview_end(text, started_at=utc(*started), now=utc(*now), zone=LONDON) == utc(*end)


def test_an_interview_that_ends_in_its_first_minute_ends_at_its_start() -> None:
    started = utc("2026-11-23", "10:31") + datetime.timedelta(seconds=40)
    assert interview_end("10:31", started_at=started, now=started, zone=LONDON) == started


@pytest.mark.parametrize(
    ("text", "started", "now", "said"),
    [
        ("", ("2026-11-23", "10:31"), ("2026-11-23", "10:53"), "Enter the time on a 24-hour clock, as 10:52."),
        ("ten", ("2026-11-23", "10:31"), ("2026-11-23", "10:53"), "24-hour clock, as 10:52, not “ten”."),
        ("１０:52", ("2026-11-23", "10:31"), ("2026-11-23", "10:53"), "24-hour clock, as 10:52, not “１０:52”."),
        ("24:00", ("2026-11-23", "10:31"), ("2026-11-23", "10:53"), "not “24:00”."),
        ("10:60", ("2026-11-23", "10:31"), ("2026-11-23", "10:53"), "not “10:60”."),
        ("09:00", ("2026-11-23", "10:31"), ("2026-11-23", "10:53"), "started at 10:31 GMT; it cannot end before that"),
        ("09:00", ("2026-11-23", "10:31"), ("2026-11-25", "10:53"), "started at 10:31 GMT; it cannot end before that"),
        ("18:32", ("2026-11-23", "10:31"), ("2026-11-23", "20:53"), "or last over 8 hours"),
        ("11:10", ("2026-11-23", "10:31"), ("2026-11-23", "10:53"), "in the future, or before the start at 10:31 GMT"),
        ("00:25", ("2026-11-23", "23:40"), ("2026-11-23", "23:50"), "in the future, or before the start at 23:40 GMT"),
        ("01:30", ("2026-03-29", "00:30"), ("2026-03-29", "02:00"), "The clocks skipped this time that night."),
        ("01:30", ("2026-03-28", "23:30"), ("2026-03-29", "02:00"), "The clocks skipped this time that night."),
    ],
)
def test_an_impossible_end_is_refused_in_words(
    text: str, started: tuple[str, str], now: tuple[str, str], said: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        interview_end(text, started_at=utc(*started), now=utc(*now), zone=LONDON)
    assert said in refusal.value.message
    assert refusal.value.fields == {"ended_at": refusal.value.message}


def test_paper_has_day_and_time_of_its_own() -> None:
    now = utc("2026-11-25", "12:00")
    assert paper_start(datetime.date(2026, 11, 23), "10:31", now=now, zone=LONDON) == utc("2026-11-23", "10:31")
    assert paper_start(datetime.date(2026, 11, 23), "10:31", now=now, zone="Asia/Tokyo") == utc("2026-11-23", "01:31")


@pytest.mark.parametrize(
    ("day", "text", "field"),
    [
        (datetime.date(2026, 11, 26), "10:31", "started_time"),
        (datetime.date(2026, 11, 23), "soon", "started_time"),
        (datetime.date(2026, 3, 29), "01:30", "started_time"),
        (datetime.date(2025, 11, 23), "10:31", "started_day"),
    ],
)
def test_an_impossible_paper_start_is_refused(day: datetime.date, text: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        paper_start(day, text, now=utc("2026-11-25", "12:00"), zone=LONDON)
    assert list(refusal.value.fields) == [field]
