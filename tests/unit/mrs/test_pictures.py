"""What pages draw beside a fit: stacks on few points, and decays as numbers."""

import numpy as np
import pytest

from sessions.mrs.pictures import MOST_POINTS, MOST_ROWS, decay_document, transients_document

DWELL_S, MHZ = 1 / 2000, 123.2


def decays(count: int, points: int = 512) -> np.ndarray:
    times = np.arange(points) * DWELL_S
    # One line at 2.01 ppm, 4.65 ppm being the centre.
    return np.tile(np.exp((2j * np.pi * (2.01 - 4.65) * MHZ - 20) * times), (count, 1))


def test_a_single_transient_has_no_stack() -> None:
    assert transients_document(decays(1), decays(1), np.ones(1, dtype=bool), DWELL_S, MHZ) is None


@pytest.mark.parametrize(("count", "numbers"), [(2, [1, 2]), (32, list(range(1, 33))), (33, list(range(1, 34, 2)))])
def test_a_stack_has_few_rows_and_points_and_its_line_in_place(count: int, numbers: list[int]) -> None:
    kept = np.ones(count, dtype=bool)
    kept[0] = False
    found = transients_document(2 * decays(count), decays(count), kept, DWELL_S, MHZ)
    assert found is not None
    assert found["numbers"] == numbers
    assert len(numbers) <= MOST_ROWS
    assert found["is_kept"] == [False] + [True] * (len(numbers) - 1)
    assert len(found["ppm"]) <= MOST_POINTS
    assert found["ppm"] == sorted(found["ppm"], reverse=True)
    before, after = np.array(found["before"]), np.array(found["after"])
    assert before.max() == 1.0
    assert after.max() == 0.5
    assert found["ppm"][int(after[0].argmax())] == pytest.approx(2.01, abs=0.04)


def test_silence_is_drawn_as_silence() -> None:
    silent = np.zeros((2, 512), dtype=complex)
    found = transients_document(silent, silent, np.ones(2, dtype=bool), DWELL_S, MHZ)
    assert found is not None
    assert {value for row in found["before"] for value in row} == {0.0}
    assert decay_document(silent[0, :3], DWELL_S) == {
        "dwell_time_s": DWELL_S, "real": [0.0] * 3, "imaginary": [0.0] * 3
    }  # fmt: skip


def test_a_decay_is_told_relative_to_its_largest_value() -> None:
    told = decay_document(np.array([3 + 4j, -2.5, 1j]), 0.001)
    assert (told["real"], told["imaginary"]) == ([0.6, -0.5, 0.0], [0.8, 0.0, 0.2])
