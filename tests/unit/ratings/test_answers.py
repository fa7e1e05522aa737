"""Answers: what changes make of them."""

import pytest

from ratings.answers import BLANK, REASONS, Answer, replay


@pytest.mark.parametrize(
    ("before", "field", "said", "after"),
    [
        (BLANK, "value", "3", Answer(3)),
        (Answer(3), "value", "", BLANK),
        (Answer(3), "missing_reason", "declined", Answer(None, "declined")),
        (Answer(None, "declined"), "value", "0", Answer(0)),
        (Answer(None, "declined"), "value", "", Answer(None, "declined")),
        (Answer(3), "missing_reason", "", Answer(3)),
        (Answer(3, note="a"), "note", "b", Answer(3, note="b")),
        (Answer(None, "other", "why"), "note", "", Answer(None, "other")),
    ],
)
def test_a_change_makes_an_answer(before: Answer, field: str, said: str, after: Answer) -> None:
    assert before.changed(field, said) == after


def test_replay_is_every_change_in_order() -> None:
    steps = [(1, "value", "3"), (2, "note", "n"), (1, "missing_reason", "stopped"), (1, "note", "late")]
    assert replay(steps) == {1: Answer(None, "stopped", "late"), 2: Answer(note="n")}


def test_answers_are_read_as_words() -> None:
    assert [Answer(0).words("answer"), Answer(None, "other").words("answer"), BLANK.words("answer")] == [
        "0", "not assessed: Other, explained in the note", "no score",
    ]  # fmt: skip
    assert [BLANK.words("note"), Answer(note="n").words("note")] == ["no note", "n"]
    assert [Answer(None, reason).reason_words for reason in ("", *REASONS)] == ["", *REASONS.values()]
