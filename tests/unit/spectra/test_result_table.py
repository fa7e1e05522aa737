"""The tidy table of a result, as a spreadsheet would read it."""

import pytest

from sessions import fits
from sessions.models import MetaboliteEstimate


@pytest.mark.parametrize(
    ("name", "written"),
    [("Glx/tNAA", "Glx/tNAA"), ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("@cmd", "'@cmd"), ("-CrCH2", "'-CrCH2")],
)
def test_a_name_out_of_a_basis_set_is_never_a_formula(name: str, written: str) -> None:
    one = MetaboliteEstimate(quantity="ratio", name=name, value=-0.5, crlb_percent=None)
    header, row = fits.csv_rows([one])
    assert header == ["block", "minutes_from_infusion", "quantity", "name", "value", "crlb_percent"]
    assert row == ["", "", "ratio", written, -0.5, ""]
