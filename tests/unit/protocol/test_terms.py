"""What a protocol says, how two versions differ, and what cannot be. Pure."""

from dataclasses import replace

import pytest

from sessions.analysis_terms import NamedSet, Terms, differences, problems
from sessions.mrs import Settings

BASIS = NamedSet("1", "PRESS 35", "sim:press:11,24@3T")
FILE = NamedSet("2", "Site basis", "ab" * 32)
TERMS = Terms(primary_ratio="Glx/tNAA", bases=(BASIS,), engine_version="1.0.0")


def test_the_defaults_are_the_engines_and_every_line_is_in_words() -> None:
    defaults = Settings().as_dict()
    assert {key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()
            if key in TERMS.engine_settings()} == TERMS.engine_settings()  # fmt: skip
    assert [(row.label, row.value) for row in TERMS.rows()] == [
        ("Primary ratio", "Glx/tNAA"),
        ("Basis sets", "PRESS 35 (sim:press:11,24@3T)"),
        ("Macromolecules and lipids", "Modelled, with soft ratios"),
        ("Baseline flexibility", f"{Settings.baseline_ed_per_ppm:g} effective dimensions per ppm"),
        ("Fitted range", f"{Settings.ppm_low:g} to {Settings.ppm_high:g} ppm"),
        ("Blocks of transients", "As the file says"),
        ("Sliding window", "None"),
        ("Residual water", "Removed before the fit (HLSVD)"),
        ("Eddy currents", "Corrected where a water reference is given"),
        ("Left out of the basis", "Nothing"),
        ("SNR", "20 or more"),
        ("Line width (FWHM)", "under 0.1 ppm"),
        ("CRLB of Glx/tNAA", "20 % or less"),
        ("Left out of the primary outcome", "Rejected fits, and spectra that miss a threshold"),
        ("Engine version", "1.0.0"),
    ]


def test_terms_come_back_from_what_is_stored() -> None:
    full = replace(
        TERMS, bases=(BASIS, FILE), macromolecules="measured", measured=FILE, exclude=("Asc", "Gly"), blocks="8",
        excludes_unusable=False, remove_water=False, eddy_current=False,
    )  # fmt: skip
    assert Terms.from_document(full.document()) == full
    assert Terms.from_document(full.document() | {"of a later portal": 1}) == full
    assert full.engine_settings()["default_macromolecules"] is False
    assert full.engine_settings()["exclude"] == ["Asc", "Gly"]
    assert full.thresholds() == {"snr_min": 20.0, "fwhm_ppm_max": 0.1, "crlb_percent_max": 20.0}


def test_every_difference_is_a_line_with_both_words() -> None:
    other = replace(
        TERMS, bases=(BASIS, FILE), macromolecules="measured", measured=FILE, baseline_ed_per_ppm=4.0, blocks="none",
        window=16,
        remove_water=False, eddy_current=False, exclude=("Asc",), snr_min=30.0, excludes_unusable=False,
    )  # fmt: skip
    assert differences(TERMS, TERMS) == []
    assert [(change.label, change.after) for change in differences(TERMS, other)] == [
        ("Basis sets", "PRESS 35 (sim:press:11,24@3T); Site basis (SHA-256 abababababab)"),
        ("Macromolecules and lipids", "Measured: Site basis (SHA-256 abababababab)"),
        ("Baseline flexibility", "4 effective dimensions per ppm"),
        ("Blocks of transients", "The whole spectrum only"),
        ("Sliding window", "16 transients, step 1"),
        ("Residual water", "Left in"),
        ("Eddy currents", "Not corrected"),
        ("Left out of the basis", "Asc"),
        ("SNR", "30 or more"),
        ("Left out of the primary outcome", "Rejected fits only"),
    ]
    renamed = differences(TERMS, replace(TERMS, primary_ratio="Glu/tCr", blocks="6", macromolecules="basis"))
    assert [(change.label, change.before, change.after) for change in renamed] == [
        ("Primary ratio", "Glx/tNAA", "Glu/tCr"),
        ("Macromolecules and lipids", "Modelled, with soft ratios", "Those of the basis only"),
        ("Blocks of transients", "As the file says", "6 blocks of equal length"),
        ("CRLB of Glu/tCr", "–", "20 % or less"),
        ("CRLB of Glx/tNAA", "20 % or less", "–"),
    ]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"bases": ()}, "bases", "at least one"),
        ({"baseline_ed_per_ppm": 0.4}, "baseline_ed_per_ppm", "0.5 to 10"),
        ({"baseline_ed_per_ppm": float("nan")}, "baseline_ed_per_ppm", "0.5 to 10"),
        ({"baseline_ed_per_ppm": float("inf")}, "baseline_ed_per_ppm", "0.5 to 10"),
        ({"snr_min": -1.0}, "snr_min", "0 to 1000"),
        ({"fwhm_ppm_max": 0.0}, "fwhm_ppm_max", "0.01 to 0.5"),
        ({"crlb_percent_max": 101.0}, "crlb_percent_max", "1 to 100"),
        ({"ppm_low": 4.0}, "ppm_low", "span 1 ppm"),
        ({"ppm_high": float("nan")}, "ppm_low", "cannot be"),
        ({"macromolecules": "measured"}, "measured", "Choose the measured"),
        ({"blocks": "1"}, "block_count", "2 to 512"),
        ({"blocks": "513"}, "block_count", "2 to 512"),
        ({"blocks": "²"}, "block_count", "2 to 512"),
        ({"window": 1}, "window", "2 to 512"),
        ({"window": -3}, "window", "2 to 512"),
        ({"exclude": ("=cmd()",)}, "exclude", "no name"),
        ({"exclude": ("Glu", "Asc")}, "exclude", "Glu cannot be left out"),
        ({"exclude": ("Foo", "Asc", "MM12")}, "exclude", "No chosen basis set has Foo:"),
    ],
)
def test_what_cannot_be_is_named_beside_its_field(changes: dict[str, object], field: str, words: str) -> None:
    found = problems(replace(TERMS, **changes))
    assert (list(found), words in found[field]) == ([field], True)


def test_the_defaults_are_possible() -> None:
    assert problems(TERMS) == {}
    assert problems(replace(TERMS, blocks="2", exclude=("Asc",), macromolecules="basis")) == {}
