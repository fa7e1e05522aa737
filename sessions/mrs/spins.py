# ruff: noqa: E501 - a spin system is one row of the table
"""Spin systems of brain metabolites: chemical shifts in ppm (DSS = 0, 37 C, pH 7) and scalar couplings in Hz.

Sources
-------
Govindaraju, Young, Maudsley (2000), NMR Biomed 13:129-153, table 1, with the corrigendum of Govind, Young, Maudsley
(2015), NMR Biomed 28:923-924; but GABA: Near et al. (2013), Magn Reson Med 70:1183-1191; ascorbate: Terpstra, Gruetter
(2006), Magn Reson Med 56:1192-1199; the couplings of NAAG's glutamyl part: Krawczyk, Gradowska (2003), J Pharm Biomed
Anal 31:455-463; 2HG: Choi et al. (2012), Nat Med 18:624-629; bHB and ethanol: de Graaf, In Vivo NMR Spectroscopy. How
far each was checked: docs/reference/constants.md.

Parts that do not couple to each other are listed as separate groups; exchangeable protons that lie outside the fitted
range are left out, except those whose coupling into it was published. The glycyl protons of glutathione, whose coupling
to their amide proton was not, are a singlet.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SpinGroup:
    """Protons that couple to one another.

    Parameters
    ----------
    shifts_ppm
        One entry a simulated proton.
    couplings_hz
        Scalar couplings by pairs of positions.
    weight
        Protons per simulated one: 9 for the trimethyl singlet of choline, or an anomer's share.
    phosphorus_hz
        Coupling of a position to 31P, which no proton pulse inverts.
    """

    shifts_ppm: tuple[float, ...]
    couplings_hz: dict[tuple[int, int], float] = field(default_factory=dict)
    weight: float = 1.0
    phosphorus_hz: dict[int, float] = field(default_factory=dict)


def _singlet(shift_ppm: float, protons: float) -> SpinGroup:
    return SpinGroup((shift_ppm,), {}, protons)


def _glutamyl(alpha: float, beta: tuple[float, float], gamma: tuple[float, float], hz: tuple[float, ...]) -> SpinGroup:
    """Five protons CH-CH2-CH2: couplings in the order 23, 23', 33', 34, 34', 3'4, 3'4', 44'."""
    pairs = ((0, 1), (0, 2), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4))
    return SpinGroup((alpha, *beta, *gamma), dict(zip(pairs, hz, strict=True)))


def _two_methylenes(
    first: float, second: float, hz: tuple[float, ...], phosphorus_hz: dict[int, float] | None = None
) -> SpinGroup:
    """Four protons CH2-CH2: couplings in the order 11', 12, 12', 1'2, 1'2', 22'."""
    pairs = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    return SpinGroup(
        (first, first, second, second), dict(zip(pairs, hz, strict=True)), phosphorus_hz=phosphorus_hz or {}
    )


def _methyl_doublet(methine: float, methyl: float, coupling: float) -> SpinGroup:
    return SpinGroup((methine, methyl, methyl, methyl), {(0, 1): coupling, (0, 2): coupling, (0, 3): coupling})


def _pyranose(shifts: tuple[float, ...], hz: tuple[float, ...], share: float) -> SpinGroup:
    """Seven ring protons of glucose: couplings in the order 12, 23, 34, 45, 56, 56', 66'."""
    pairs = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (4, 6), (5, 6))
    return SpinGroup(shifts, dict(zip(pairs, hz, strict=True)), share)


SPIN_SYSTEMS: dict[str, tuple[SpinGroup, ...]] = {
    "Ala": (_methyl_doublet(3.7746, 1.4667, 7.234),),
    "Asc": (
        SpinGroup(
            (4.4965, 4.0072, 3.7469, 3.7194), {(0, 1): 2.055, (1, 2): 5.780, (1, 3): 7.373, (2, 3): -11.585}
        ),
    ),
    "Asp": (SpinGroup((3.8914, 2.8011, 2.6533), {(0, 1): 3.647, (0, 2): 9.107, (1, 2): -17.426}),),
    "Cr": (_singlet(3.0270, 3), _singlet(3.9130, 2)),
    "GABA": (
        SpinGroup(
            (2.2840, 2.2840, 1.8880, 1.8880, 3.0130, 3.0130),
            {
                (0, 1): -15.938, (0, 2): 7.678, (0, 3): 6.980, (1, 2): 6.980, (1, 3): 7.678, (2, 3): -15.000,
                (2, 4): 8.510, (2, 5): 6.503, (3, 4): 6.503, (3, 5): 8.510, (4, 5): -14.062,
            },
        ),
    ),
    "GPC": (
        _singlet(3.2120, 9),
        _two_methylenes(4.3120, 3.6590, (-9.320, 3.100, 5.900, 5.900, 3.100, -9.320), {0: 6.030, 1: 6.030}),
        SpinGroup(
            (3.6050, 3.6720, 3.9030, 3.8710, 3.9460),
            {(0, 1): -14.780, (0, 2): 5.770, (1, 2): 4.530, (2, 3): 5.770, (2, 4): 4.530, (3, 4): -14.780},
            phosphorus_hz={3: 6.030, 4: 6.030},
        ),
    ),
    "GSH": (
        _singlet(3.7690, 2),
        SpinGroup((4.5608, 2.9264, 2.9747), {(0, 1): 7.090, (0, 2): 4.710, (1, 2): -14.060}),
        _glutamyl(3.7690, (2.1590, 2.1460), (2.5100, 2.5600), (6.340, 6.360, -15.480, 6.700, 7.600, 7.600, 6.700, -15.920)),
    ),
    "Glc": (
        _pyranose((5.2160, 3.5190, 3.6980, 3.3950, 3.8220, 3.8260, 3.7490), (3.8, 9.6, 9.4, 9.9, 1.5, 6.0, -12.1), 0.36),
        _pyranose((4.6300, 3.2300, 3.4730, 3.3870, 3.4500, 3.8820, 3.7070), (8.0, 9.1, 9.4, 8.9, 1.6, 5.4, -12.3), 0.64),
    ),
    "Gln": (
        _glutamyl(3.7530, (2.1290, 2.1090), (2.4320, 2.4540), (5.847, 6.500, -14.504, 9.165, 6.347, 6.324, 9.209, -15.371)),
    ),
    "Glu": (
        _glutamyl(3.7433, (2.0375, 2.1200), (2.3378, 2.3520), (7.331, 4.651, -14.849, 6.413, 8.406, 8.478, 6.875, -15.915)),
    ),
    "Gly": (_singlet(3.5480, 2),),
    "Ins": (
        SpinGroup(
            (3.5217, 4.0538, 3.5217, 3.6144, 3.2690, 3.6144),
            {(0, 1): 2.889, (0, 5): 9.998, (1, 2): 3.006, (2, 3): 9.997, (3, 4): 9.485, (4, 5): 9.482},
        ),
    ),
    "Lac": (_methyl_doublet(4.0974, 1.3142, 6.933),),
    "NAA": (
        _singlet(2.0080, 3),
        SpinGroup(
            (4.3817, 2.6727, 2.4863, 7.8205), {(0, 1): 3.861, (0, 2): 9.821, (1, 2): -15.592, (0, 3): 6.400}
        ),
    ),
    "NAAG": (
        _singlet(2.0420, 3),
        SpinGroup(
            (4.6070, 2.7210, 2.5190, 8.2600), {(0, 1): 4.412, (0, 2): 9.515, (1, 2): -15.910, (0, 3): 7.320}
        ),
        SpinGroup(
            (4.1280, 2.0490, 1.8810, 2.1800, 2.1900, 7.9500),
            {
                (0, 1): 4.610, (0, 2): 8.420, (1, 2): -14.280, (1, 3): 10.560, (1, 4): 6.090, (2, 3): 4.900,
                (2, 4): 11.110, (3, 4): -15.280, (0, 5): 7.460,
            },
        ),
    ),
    "PCh": (
        _singlet(3.2080, 9),
        _two_methylenes(4.2805, 3.6410, (-14.890, 2.284, 7.231, 7.326, 2.235, -14.190), {0: 6.298, 1: 6.249}),
    ),
    "PCr": (_singlet(3.0290, 3), _singlet(3.9300, 2)),
    "PE": (_two_methylenes(3.9765, 3.2160, (-14.560, 3.182, 6.716, 7.204, 2.980, -14.710), {0: 7.288, 1: 7.088}),),
    "Tau": (_two_methylenes(3.4206, 3.2459, (-12.438, 6.742, 6.464, 6.403, 6.792, -12.930)),),
    "sIns": (_singlet(3.3400, 6),),
    "Ace": (_singlet(1.9040, 3),),
    # What follows is simulated on request only: seen in disease, after a meal or a drink, or hardly ever.
    "2HG": (
        _glutamyl(4.0220, (1.8250, 1.9770), (2.2210, 2.2720), (7.600, 4.100, -14.000, 5.300, 10.400, 10.600, 6.000, -15.000)),
    ),
    "bHB": (
        SpinGroup(
            (2.3880, 2.2940, 4.1330, 1.1860, 1.1860, 1.1860),
            {(0, 1): -14.500, (0, 2): 7.300, (1, 2): 6.300, (2, 3): 6.260, (2, 4): 6.260, (2, 5): 6.260},
        ),
    ),
    "Cho": (_singlet(3.1850, 9), _two_methylenes(4.0540, 3.5010, (-14.100, 3.140, 6.979, 7.011, 3.168, -14.070))),
    "EtOH": (
        SpinGroup(
            (3.6451, 3.6451, 1.1782, 1.1782, 1.1782),
            {(0, 2): 7.080, (0, 3): 7.080, (0, 4): 7.080, (1, 2): 7.080, (1, 3): 7.080, (1, 4): 7.080},
        ),
    ),
    "Pyr": (_singlet(2.3590, 3),),
    "Ser": (SpinGroup((3.8347, 3.9379, 3.9764), {(0, 1): 5.979, (0, 2): 3.561, (1, 2): -12.254}),),
    "Suc": (_singlet(2.3920, 4),),
    "Thr": (
        SpinGroup(
            (3.5785, 4.2464, 1.3158, 1.3158, 1.3158), {(0, 1): 4.917, (1, 2): 6.350, (1, 3): 6.350, (1, 4): 6.350}
        ),
    ),
}  # fmt: skip
BRAIN = tuple(SPIN_SYSTEMS)[:21]
