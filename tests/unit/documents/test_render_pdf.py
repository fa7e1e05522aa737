"""A document shows its data as they are, says who printed it, and has the same bytes for the same data."""

import datetime
import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from studyportal.documents import render_pdf

AT = datetime.datetime(2026, 3, 14, 9, 30, tzinfo=datetime.UTC)
TEMPLATE = """
#import "/studyportal/templates/documents/sheet.typ": data, facts, sheet
#show: sheet.with(title: data.title, study: "NALKET", door: "Treatment hidden", printed: data.printed, synthetic: true)
#facts(data.rows)
"""
DATA = {"title": "Receipt", "printed": "Printed by C. Ward", "rows": [["Number", "#panic() *R* $x$ <a> 'ä'"]]}


@pytest.fixture
def template(settings, tmp_path: Path) -> str:
    frame = Path("studyportal/templates/documents/sheet.typ")
    (tmp_path / frame.parent).mkdir(parents=True)
    (tmp_path / frame).write_text((Path(settings.BASE_DIR) / frame).read_text())
    (tmp_path / "receipt.typ").write_text(TEMPLATE)
    settings.BASE_DIR = tmp_path
    return "receipt.typ"


def test_data_are_shown_as_they_are_and_read_as_no_markup(template):
    page = PdfReader(io.BytesIO(render_pdf(template, DATA, at=AT))).pages[0].extract_text()
    assert "#panic() *R* $x$ <a> 'ä'" in page
    assert page.count("Printed by C. Ward") == 2
    assert "SYNTHETIC" in page


def test_the_file_names_its_title_and_moment_and_is_tagged_for_screen_readers(template):
    read = PdfReader(io.BytesIO(render_pdf(template, DATA, at=AT)))
    assert read.metadata is not None
    assert (read.metadata.title, read.metadata.creation_date) == ("Receipt", AT)
    assert read.root_object["/MarkInfo"]["/Marked"]
    assert read.root_object["/Lang"] == "en-GB"


def test_the_same_data_give_the_same_bytes_and_other_data_others(template):
    first = render_pdf(template, DATA, at=AT)
    assert render_pdf(template, DATA, at=AT) == first
    assert render_pdf(template, {**DATA, "title": "Receipts"}, at=AT) != first
