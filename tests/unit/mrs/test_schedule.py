"""Windows, blocks, events and the clock: what is read, and what is refused with which words."""

import dataclasses

import numpy as np
import pytest

from sessions.mrs.errors import MrsError
from sessions.mrs.schedule import (
    Clock,
    Event,
    Part,
    make_clock,
    parts_of_events,
    read_blocks,
    read_events,
    windows,
)
from tests.factories.spectra import brain

CLOCK = Clock(np.arange(20) * 4.0, 4.0)
TIMELESS = Clock(None, 0.0)


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "given.tsv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refusal(work):
    with pytest.raises(MrsError) as raised:
        work()
    return raised.value.code, raised.value.message


def test_windows_slide() -> None:
    assert windows(6, 4, 1) == [Part((0, 1, 2, 3)), Part((1, 2, 3, 4)), Part((2, 3, 4, 5))]
    assert [part.members for part in windows(7, 2, 3)] == [(0, 1), (3, 4)]
    assert len(windows(64, 5, 1)) == 60


def test_the_clock_runs_by_the_header_or_by_what_is_said() -> None:
    spectrum = brain(transients=4)
    assert make_clock(spectrum, None, None).starts_s == pytest.approx([0, 2, 4, 6])
    assert make_clock(spectrum, 5.0, None).starts_s == pytest.approx([0, 5, 10, 15])
    marked = dataclasses.replace(spectrum, header=spectrum.header | {"BlockStartMinutes": {"Value": [-1.0, 0.0]}})
    assert make_clock(marked, None, (0, 1)).starts_s == pytest.approx([-60, -58, -56, -54])
    timeless = dataclasses.replace(spectrum, header={})
    assert make_clock(timeless, None, None) == Clock(None, 0.0, None)
    assert refusal(lambda: make_clock(timeless, None, (1, 2)))[0] == "clock-missing"
    assert CLOCK.minutes([0, 14]) == pytest.approx((0, 1))
    assert TIMELESS.minutes([0]) is None


def test_events_are_read_as_bids_has_them(file) -> None:
    text = "onset\tduration\ttrial_type\tpain_rating\n0\t8\trest\tn/a\n8.0\t12\theat\t3\n40\tn/a\theat\t1"
    events = read_events(file(text))
    assert events == [Event(0, 8, "rest"), Event(8, 12, "heat"), Event(40, 0, "heat")]
    assert parts_of_events(events, CLOCK) == [Part((0, 1), "rest"), Part((2, 3, 4), "heat"), Part((10,), "heat")]
    assert parts_of_events([Event(6.5, 3, "a")], CLOCK) == [Part((1, 2), "a")]
    assert read_events(file("\ufeffonset,duration\n1,2\n")) == [Event(1, 2, "event")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names the columns onset and duration"),
        ("onset\tkind\n1\t2\n", "names the columns onset and duration"),
        ("onset\tduration\n1\t2\nx\t2\n", "Line 3 of the events file has no valid onset"),
        ("onset\tduration\n1\t-2\n", "Line 2 of the events file has no valid onset"),
        ("onset\tduration\nnan\t2\n", "Line 2 of the events file has no valid onset"),
        (b"\xff\xfe\x00", "is not text"),
    ],
)
def test_bad_events_are_refused_by_line(file, text, words) -> None:
    code, message = refusal(lambda: read_events(file(text)))
    assert code == "events-invalid"
    assert words in message


def test_events_need_times_and_transients(file, tmp_path, monkeypatch) -> None:
    assert refusal(lambda: parts_of_events([Event(0, 8, "a")], TIMELESS))[0] == "clock-missing"
    code, message = refusal(lambda: parts_of_events([Event(900, 8, "a")], CLOCK))
    assert code == "events-invalid"
    assert "onsets are in seconds" in message
    assert refusal(lambda: read_events(tmp_path / "none.tsv"))[1] == "The file none.tsv was not found."
    monkeypatch.setattr("sessions.mrs.schedule.LARGEST_TEXT_BYTES", 3)
    assert "larger than 1 MB" in refusal(lambda: read_events(file("onset\tduration\n")))[1]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("first\tlast\tname\n0\t1\ta\n3\t5\tb\n", [Part((0, 1), "a"), Part((3, 4, 5), "b")]),
        ("onset,duration,trial_type\n0,8,rest\n8,8,heat\n", [Part((0, 1), "rest"), Part((2, 3), "heat")]),
        ("start\tend\n0\t0.2\n1\t9\n", [Part((0, 1, 2)), Part((15, 16, 17, 18, 19))]),
        ("[[0, 1], [7, 5]]", [Part((0, 1)), Part((7, 5))]),
        ('{"rest": [0], "heat": [4, 5]}', [Part((0,), "rest"), Part((4, 5), "heat")]),
        ('[{"name": "a", "transients": [19]}]', [Part((19,), "a")]),
    ],
)
def test_blocks_come_in_several_forms(file, text, parts) -> None:
    assert read_blocks(file(text), 20, CLOCK) == parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "A blocks file is a table"),
        ("what\tever\n1\t2\n", "A blocks file is a table"),
        ("[1, 2]", "A blocks file is a table"),
        ("[", "A blocks file is a table"),
        ("[]", "A blocks file is a table"),
        ('[["a"]]', "A blocks file is a table"),
        ("[[true]]", "A blocks file is a table"),
        ("first\tlast\n0\tx\n", "Line 2 of the blocks file holds no number"),
        ("first\tlast\n0\t1.5\n", "Line 2 of the blocks file must count whole transients"),
        ("first\tlast\n5\t4\n", "Line 2 of the blocks file holds no transient"),
        ("first\tlast\n-2\t4\n", "they are 0 to 19"),
        ("[[3, 20]]", "they are 0 to 19"),
        ("[[3, 3]]", "names a transient twice"),
        ("onset\tduration\n900\t4\n", "holds no transient"),
    ],
)
def test_bad_blocks_are_refused(file, text, words) -> None:
    code, message = refusal(lambda: read_blocks(file(text), 20, CLOCK))
    assert code == "blocks-invalid"
    assert words in message


def test_blocks_in_seconds_need_a_clock(file) -> None:
    assert refusal(lambda: read_blocks(file("onset\tduration\n0\t4\n"), 20, TIMELESS))[0] == "clock-missing"


def test_names_are_shown_and_so_are_made_harmless(file) -> None:
    events = read_events(file("onset\tduration\ttrial_type\n0\t8\t" + "a\u202e\x07" * 50 + "\n"))
    assert events[0].kind == "a" * 50
