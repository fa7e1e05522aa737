"""Transients that are unlike the others are found, told with the reason, and nothing else is."""

import dataclasses

import numpy as np
import pytest

from sessions.mrs.outliers import find_outliers
from sessions.mrs.preprocess import prepare
from sessions.mrs.settings import Settings
from tests.factories.spectra import DWELL_TIME_S, FREQUENCY_MHZ, brain

TIMES = np.arange(1024) * DWELL_TIME_S


def spoilt(fids: np.ndarray, kind: str) -> np.ndarray:
    size = np.abs(fids[:3]).mean()
    generator = np.random.default_rng(8)
    match kind:
        case "lipid":
            hertz = (1.3 - 4.65) * FREQUENCY_MHZ
            return fids + 0.3 * size * np.exp(2j * np.pi * hertz * TIMES - 60 * TIMES + 2j)
        case "weak":
            return 0.4 * fids
        case "moved":
            return fids * np.exp(2j * np.pi * 45 * TIMES)
        case "spikes":
            places = generator.choice(1024, 20, replace=False)
            spikes = np.zeros(1024, dtype=complex)
            spikes[places] = size * np.exp(2j * np.pi * generator.random(20))
            return fids + spikes
        case "broad":
            return fids * np.exp(-np.pi * 12 * TIMES)
        case _:
            return np.zeros_like(fids)


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        ("lipid", {"lipid range differs", "metabolites differ"}),
        ("weak", {"signal of another size"}),
        ("moved", {"signal of another size", "metabolites differ"}),
        ("spikes", {"metabolites differ", "lipid range differs"}),
        ("broad", {"metabolites differ", "signal of another size"}),
        ("dead", {"no signal"}),
    ],
)
def test_each_kind_is_found_and_named(kind, reasons) -> None:
    spectrum = brain(transients=24, noise=1.5)
    fids = spectrum.fids.copy()
    fids[7, 0] = spoilt(fids[7, 0], kind)
    prepared = prepare(dataclasses.replace(spectrum, fids=fids), None, Settings(), 0)
    assert prepared.transients["rejected"] == [7]
    assert prepared.transients["reasons"]["7"] in reasons
    assert prepared.flags() == ["1 of 24 transients were left out as outliers (counted from 0): 7."]
    assert prepared.steps[2]["rejected"] == [7]


def test_drift_and_slow_broadening_are_no_outliers() -> None:
    for seed in range(4):
        spectrum = brain(transients=32, noise=3.0, seed=seed)
        course = np.linspace(0, 1, 32)[:, None]
        turned = spectrum.fids[:, 0] * np.exp(
            2j * np.pi * 10 * course * TIMES - np.pi * 2 * course * TIMES + 1j * course
        )
        wet = turned + 3000 * (1 + course) * np.exp(-15 * TIMES)
        prepared = prepare(dataclasses.replace(spectrum, fids=wet[:, None]), None, Settings(), 0)
        assert prepared.transients["rejected"] == []
        assert prepared.flags() == []


def test_when_switched_off_all_are_averaged() -> None:
    spectrum = brain(transients=12, noise=0.5)
    fids = spectrum.fids.copy()
    fids[3] *= 0.1
    prepared = prepare(dataclasses.replace(spectrum, fids=fids), None, Settings(reject_outliers=False), 0)
    assert prepared.kept.all()
    assert prepared.steps[2] == {"step": "outlying transients", "rejected": [], "because": "switched off"}


def test_few_transients_are_not_judged_by_each_other_and_none_is_left_when_all_are_dead() -> None:
    fids = brain(transients=4, noise=0.5).fids[:, 0].copy()
    fids[2] *= 0.1
    assert find_outliers(fids, np.array([1, 1, 0.1, 1.0]), DWELL_TIME_S, FREQUENCY_MHZ).kept.all()
    assert find_outliers(np.zeros_like(fids), np.ones(4), DWELL_TIME_S, FREQUENCY_MHZ).kept.all()


def test_many_are_not_all_listed() -> None:
    spectrum = brain(transients=48, noise=0.5)
    fids = spectrum.fids.copy()
    fids[:14] = 0
    flags = prepare(dataclasses.replace(spectrum, fids=fids), None, Settings(), 0).flags()
    assert flags == [
        "14 of 48 transients were left out as outliers (counted from 0): 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and more."
    ]
