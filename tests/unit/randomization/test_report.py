"""The acceptance report: each finding with its sentence, each planted fault found, and the simulated run."""

from dataclasses import replace

import pytest

from sessions.randomization import Slot, accept
from sessions.randomization.generators import Generator
from sessions.randomization.report import AcceptanceReport, acceptance_report, simulated_run
from tests.factories import golden_lists as golden

EXPECTED = {"01|F": 6.0, "01|M": 6.0}
OWN = golden.terms("blocks of 2 or 4", Generator.HMAC_DRBG)
MADE = golden.made(OWN)


def report_of(slots: list[Slot], **more: object) -> AcceptanceReport:
    facts = accept(
        slots, method=OWN.method, parameters=OWN.parameters, sequences=OWN.sequences, strata=OWN.strata,
        seed=golden.SEED, root=MADE.root,
    )  # fmt: skip
    return acceptance_report(facts, slots, **({"expected": EXPECTED} | more))


def failing(report: AcceptanceReport) -> dict[str, str]:
    return {finding.name: finding.sentence for finding in report.findings if not finding.passes}


def test_a_sound_list_passes_in_words() -> None:
    report = report_of(list(MADE.slots), warnings=["Mind the strata."])
    assert report.passes
    assert report.warnings == ("Mind the strata.",)
    told = {finding.name: finding.sentence for finding in report.findings}
    assert list(told) == [
        "Derivation", "Counts", "Numbers", "Balance in stratum 01|F", "Balance in stratum 01|M", "Sort order",
    ]  # fmt: skip
    assert told["Counts"] == "01|F: 10 slots (AB 5, BA 5); 01|M: 10 slots (AB 5, BA 5)."
    assert told["Balance in stratum 01|M"] == (
        "3 of 3 whole blocks hold every sequence in its share; one sequence is at most 1 ahead of another (2 allowed)."
    )
    assert told["Sort order"] == "The list is sorted neither by sequence nor by number."


def test_an_exchanged_slot_fails_derivation_and_balance() -> None:
    slots = list(MADE.slots)
    slots[3] = replace(slots[3], sequence="BA" if slots[3].sequence == "AB" else "AB")
    report = report_of(slots)
    assert set(failing(report)) == {"Derivation", "Balance in stratum 01|F"}
    assert "make a new list" in failing(report)["Derivation"]
    assert "more than the method allows" in failing(report)["Balance in stratum 01|F"]
    assert not report.passes


def test_a_repeated_number_and_a_missing_place_fail() -> None:
    slots = [replace(MADE.slots[0], number=MADE.slots[1].number, ordinal=2), *MADE.slots[1:]]
    assert {"Numbers", "Counts"} <= set(failing(report_of(slots)))
    assert failing(report_of(slots))["Counts"].endswith("A place is missing or stands twice. Make a new list.")


def test_sorted_lists_fail_with_what_is_sorted() -> None:
    numbers = {key: sorted(s.number for s in MADE.slots if s.stratum == key) for key in OWN.strata}
    by_number = [replace(s, number=numbers[s.stratum][s.ordinal - 1]) for s in MADE.slots]
    assert "numbers rise or fall" in failing(report_of(by_number))["Sort order"]
    codes = {key: sorted(s.sequence for s in MADE.slots if s.stratum == key) for key in OWN.strata}
    by_code = [replace(s, sequence=codes[s.stratum][s.ordinal - 1]) for s in MADE.slots]
    assert "sorted by sequence" in failing(report_of(by_code))["Sort order"]


def test_the_run_allocates_everybody_while_there_are_places() -> None:
    run = report_of(list(MADE.slots)).run
    assert (run.arrivals, run.allocated, run.turned_away, run.first_exhausted) == (12, 12, 0, None)
    assert sum(run.counts.values()) == 12
    assert run.largest_imbalance <= 4
    assert run == report_of(list(MADE.slots)).run
    assert run.sentence.startswith("Of 12 simulated arrivals 12 were allocated (AB ")
    assert run.sentence.endswith("ahead of another.")


def test_the_run_says_which_stratum_was_used_up_first() -> None:
    run = simulated_run(MADE.slots, ["AB", "BA"], {"01|F": 30, "01|M": 10})
    assert run.arrivals == 40
    assert run.first_exhausted[0] == "01|F"
    assert run.turned_away > 5
    assert run.allocated + run.turned_away == 40
    assert "Stratum 01|F had no place left at arrival" in run.sentence


def test_a_stratum_where_nobody_is_expected_gets_nobody() -> None:
    run = simulated_run(MADE.slots, ["AB", "BA"], {"01|F": 0, "01|M": 10})
    assert run.counts == {"AB": 5, "BA": 5}


def test_nobody_expected_is_refused() -> None:
    with pytest.raises(ValueError, match="an expected participant"):
        simulated_run(MADE.slots, ["AB", "BA"], {"01|F": 0.0})
