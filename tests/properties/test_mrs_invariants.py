"""What must not change a ratio: the receiver's gain, its phase; and what must scale with it."""

import dataclasses
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.mrs.basis_loading import load_basis
from sessions.mrs.pipeline import quantify_spectrum
from sessions.mrs.settings import Settings
from tests.factories.spectra import BASIS, FREQUENCY_MHZ, brain

OPTIONS = Settings(sensitivity_factors=())


@functools.lru_cache(maxsize=1)
def basis():
    return load_basis(BASIS, frequency_mhz=FREQUENCY_MHZ)


def found(spectrum):
    document, _ = quantify_spectrum(spectrum, None, basis(), OPTIONS, block_count=0, tell=lambda *_: None)
    return document


@functools.lru_cache(maxsize=1)
def reference():
    return found(brain(noise=0.3))


@given(gain=st.floats(1e-6, 1e6))
@settings(max_examples=6, deadline=None)
def test_amplitudes_follow_the_gain_and_ratios_do_not(gain) -> None:
    spectrum = brain(noise=0.3)
    document = found(dataclasses.replace(spectrum, fids=spectrum.fids * gain))
    assert document["ratios"]["Glx/tNAA"]["value"] == pytest.approx(
        reference()["ratios"]["Glx/tNAA"]["value"], rel=1e-3
    )
    naa = reference()["metabolites"]["NAA"]["amplitude"]
    assert document["metabolites"]["NAA"]["amplitude"] == pytest.approx(naa * gain, rel=1e-3)


@given(phase=st.floats(-np.pi, np.pi))
@settings(max_examples=6, deadline=None)
def test_the_receivers_phase_changes_nothing(phase) -> None:
    spectrum = brain(noise=0.3)
    document = found(dataclasses.replace(spectrum, fids=spectrum.fids * np.exp(1j * phase)))
    for name in ("Glx/tNAA", "Ins/tCr", "tNAA/tCr"):
        assert document["ratios"][name]["value"] == pytest.approx(reference()["ratios"][name]["value"], rel=5e-3), name


@given(shift_hz=st.floats(-8, 8))
@settings(max_examples=4, deadline=None)
def test_a_shifted_field_changes_little(shift_hz) -> None:
    spectrum = brain(noise=0.3)
    times = np.arange(spectrum.points) * spectrum.dwell_time_s
    document = found(dataclasses.replace(spectrum, fids=spectrum.fids * np.exp(2j * np.pi * shift_hz * times)))
    assert document["ratios"]["Glx/tNAA"]["value"] == pytest.approx(
        reference()["ratios"]["Glx/tNAA"]["value"], rel=0.02
    )
