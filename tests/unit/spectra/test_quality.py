"""The verdict: measured values against the study's thresholds."""

import pytest

from sessions.quality import verdict
from tests.factories.scans import document


def test_a_good_spectrum_is_usable() -> None:
    judged = verdict(document(), {}, "Glx/tNAA")
    assert judged.is_usable
    assert [(one.name, one.shown, one.rule, one.is_met) for one in judged.criteria] == [
        ("SNR", "47", "20 or more", True),
        ("FWHM", "0.041 ppm", "under 0.1", True),
        ("CRLB of Glx/tNAA", "4.6 %", "20 % or less", True),
    ]


@pytest.mark.parametrize(
    ("snr", "fwhm", "sentence"),
    [
        (19.4, 0.04, "Repeat now: SNR 19, needs 20 or more."),
        (19.6, 0.04, "Repeat now: SNR 19.6, needs 20 or more."),
        (50.0, 0.1, "Repeat now: FWHM 0.100 ppm, needs under 0.1."),
    ],
)
def test_a_missed_threshold_says_repeat_now_and_why(snr: float, fwhm: float, sentence: str) -> None:
    judged = verdict(document(snr=snr, fwhm_ppm=fwhm), {}, "Glx/tNAA")
    assert (judged.is_usable, judged.sentence) == (False, sentence)


def test_the_study_plan_sets_the_thresholds() -> None:
    planned = {"snr_min": 60, "crlb_percent_max": 4}
    judged = verdict(document(), planned, "Glx/tNAA")
    assert [one.is_met for one in judged.criteria] == [False, True, False]


def test_what_was_not_measured_is_no_reason_to_repeat() -> None:
    judged = verdict({"quality": {"snr": None, "fwhm_ppm": True}}, {}, "Glx/tNAA")
    assert [(one.shown, one.is_met) for one in judged.criteria] == [("not measured", None)] * 3
    assert judged.is_usable
