"""The simulator against closed forms."""

import numpy as np
import pytest

from sessions.mrs.errors import MrsError
from sessions.mrs.simulate import Lines, Sequence, geometric_rows, parse_simulation, simulate_metabolite
from sessions.mrs.spins import BRAIN, SPIN_SYSTEMS

MHZ = 127.74


def hertz(shift_ppm: float) -> float:
    return (shift_ppm - 4.65) * MHZ


def test_singlets_keep_amplitude_phase_and_shift_in_both_sequences() -> None:
    for sequence in (Sequence("press", 11, 19, MHZ), Sequence("steam", 11, 32, MHZ)):
        lines = simulate_metabolite("Cr", sequence)
        np.testing.assert_allclose(lines.frequencies_hz, [hertz(3.0270), hertz(3.9130)], atol=0.003)
        np.testing.assert_allclose(lines.amplitudes, [3, 2], atol=1e-9)


def test_total_signal_of_a_weakly_coupled_doublet_follows_the_echo_time() -> None:
    # Lactate's methyl doublet in an ideal spin echo: each line goes as exp(+-i pi J TE); at TE = 1/J it is inverted.
    coupling = 6.933
    for echo_time_ms, expected in ((1000 / coupling, -3.0), (2000 / coupling, 3.0)):
        half = echo_time_ms / 2
        lines = simulate_metabolite("Lac", Sequence("press", half, half, MHZ))
        methyl = np.abs(lines.frequencies_hz - hertz(1.3142)) < 6
        assert lines.amplitudes[methyl].sum().real == pytest.approx(expected, abs=0.08)


def test_coupling_splits_lines_by_j() -> None:
    lines = simulate_metabolite("Ala", Sequence("press", 1, 1, MHZ))
    offset, weight = lines.frequencies_hz - hertz(1.4667), np.abs(lines.amplitudes)
    upper, lower = (offset > 0) & (offset < 6), (offset < 0) & (offset > -6)
    split = np.average(offset[upper], weights=weight[upper]) - np.average(offset[lower], weights=weight[lower])
    assert split == pytest.approx(7.234, abs=0.05)


def test_short_echoes_give_one_unit_of_signal_for_each_proton() -> None:
    protons = {"Glu": 5, "Gln": 5, "GABA": 6, "Ins": 6, "Tau": 4, "sIns": 6, "PCh": 13, "PE": 4, "GPC": 18, "Glc": 7}
    for name, expected in protons.items():
        lines = simulate_metabolite(name, Sequence("press", 1, 1, MHZ))
        assert lines.amplitudes.sum().real == pytest.approx(expected, rel=0.01), name


def test_phosphorus_is_refocused_and_splits() -> None:
    with_phosphorus = simulate_metabolite("PE", Sequence("press", 1, 1, MHZ))
    assert len(with_phosphorus.frequencies_hz) > 8
    assert with_phosphorus.amplitudes.sum().imag == pytest.approx(0, abs=0.1)


def test_swapped_echo_times_change_strongly_coupled_spins_only() -> None:
    one, two = Sequence("press", 11, 19, MHZ), Sequence("press", 19, 11, MHZ)

    def decay(name: str, sequence: Sequence) -> np.ndarray:
        return simulate_metabolite(name, sequence).fid(1 / 2000, 512) * np.exp(-np.arange(512) / 100)

    def likeness(name: str) -> float:
        a, b = decay(name, one), decay(name, two)
        return float(np.abs(np.vdot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b))

    assert likeness("Cr") == pytest.approx(1, abs=1e-9)
    assert likeness("Glu") < 0.96


def test_a_healthy_brain_has_twenty_one_metabolites_and_more_are_asked_for() -> None:
    assert len(BRAIN) == 21
    assert parse_simulation("sim:press:11,19@3T").names == BRAIN
    assert parse_simulation("sim:press:11,19@3T+2hg+Ser+Glu").names == (*BRAIN, "2HG", "Ser")
    assert set(parse_simulation("sim:slaser:36@7T+" + "+".join(SPIN_SYSTEMS)).names) == set(SPIN_SYSTEMS)


@pytest.mark.parametrize("name", SPIN_SYSTEMS)
def test_every_proton_is_seen(name) -> None:
    # At no echo time to speak of, all lines are in phase and add up to the protons of the table.
    lines = simulate_metabolite(name, Sequence("press", 1e-6, 1e-6, 400.0))
    protons = sum(group.weight * len(group.shifts_ppm) for group in SPIN_SYSTEMS[name])
    assert lines.amplitudes.sum() == pytest.approx(protons, rel=2e-3)


def test_semi_laser_holds_strong_coupling_better_than_press() -> None:
    at_once, press, laser = (
        simulate_metabolite("Glu", Sequence(kind, first, second, 123.2)).fid(1 / 2000, 512)
        for kind, first, second in (("press", 1e-6, 1e-6), ("press", 18, 18), ("slaser", 36, 0))
    )

    def likeness(fid) -> float:
        return float(np.abs(np.vdot(fid, at_once)) / np.linalg.norm(fid) / np.linalg.norm(at_once))

    assert likeness(laser) > likeness(press)
    singlet = simulate_metabolite("Cr", Sequence("slaser", 36, 0, 123.2))
    np.testing.assert_allclose(singlet.amplitudes, [3, 2], atol=1e-9)


def test_decay_of_lines_is_the_sum_of_exponentials() -> None:
    lines = Lines(np.array([10.0, -35.5]), np.array([1 + 1j, 2.0]))
    n = np.arange(300)
    direct = (1 + 1j) * np.exp(2j * np.pi * 10 * n * 0.001) + 2 * np.exp(2j * np.pi * -35.5 * n * 0.001)
    np.testing.assert_allclose(lines.fid(0.001, 300), direct, atol=1e-10)
    np.testing.assert_allclose(lines.table(0.001, 300).sum(axis=0), direct, atol=1e-10)


def test_geometric_rows_are_exponentials() -> None:
    rates = np.array([-0.01 + 0.3j, -0.5])
    np.testing.assert_allclose(geometric_rows(rates, 77), np.exp(np.outer(rates, np.arange(77))), atol=1e-12)


def test_reads_simulations() -> None:
    press = parse_simulation("sim:press:11,19@3T")
    assert (press.kind, press.first_ms, press.second_ms, press.echo_time_ms) == ("press", 11, 19, 30)
    assert press.frequency_mhz == pytest.approx(127.732, abs=0.001)
    assert parse_simulation("SIM:STEAM:11,32@7T").echo_time_ms == 11
    assert parse_simulation("sim:slaser:36@7T").echo_time_ms == 36


@pytest.mark.parametrize(
    "spec",
    [
        "sim:slaser:36,4@7T",
        "sim:press:11,19@3T+Foo",
        "sim:press:11@3T",
        "sim:laser:1,2@3T",
        "sim:press:0.5,9@3T",
        "sim:press:1,2@90T",
        "sim:",
    ],
)
def test_refuses_other_simulations(spec) -> None:
    with pytest.raises(MrsError) as refusal:
        parse_simulation(spec)
    assert refusal.value.code == "basis-simulation-invalid"
