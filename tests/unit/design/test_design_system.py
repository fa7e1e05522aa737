import datetime
import re
from pathlib import Path

import pytest
from django import forms
from django.template import engines

from studyportal.management.commands import assets

ROOT = Path(assets.__file__).parents[3]
APP_CSS = (assets.STATIC / "app.css").read_text()


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def tokens(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root\{(.*?)\}", APP_CSS, flags=re.DOTALL)[:2]
    found = dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", light))
    return found if scheme == "light" else found | dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", dark))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("ink", "surface"),
        ("ink", "bg"),
        ("ink-2", "surface"),
        ("ink-2", "bg"),
        ("brand", "tint"),
        ("brand-ink", "brand"),
        ("link", "surface"),
        ("ok", "ok-bg"),
        ("warn", "warn-bg"),
        ("danger", "danger-bg"),
        ("bar-ink", "bar"),
        ("bar-ink", "unblinded-hatch"),
        ("chart-a", "surface"),
        ("chart-b", "surface"),
    ],
)
def test_tokens_reach_wcag_aa(scheme: str, ink: str, ground: str) -> None:
    colours = tokens(scheme)
    assert contrast(colours[ink], colours[ground]) >= 4.5


def test_vendored_files_are_the_locked_ones() -> None:
    assert assets.changed_files() == []


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_bytes(b"changed")
    lock = tmp_path / "lock.json"
    lock.write_text('{"outputs": {"a.js": {"sha256": "00"}, "gone.js": {"sha256": "00"}}}')
    assert assets.changed_files(tmp_path, lock) == ["a.js", "gone.js"]


def test_no_template_carries_inline_style_or_script() -> None:
    for template in ROOT.glob("*/**/templates/**/*.html"):
        if ".venv" in template.parts:
            continue
        text = template.read_text()
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\bsrc=)", text), template


class Visit(forms.Form):
    day = forms.CharField(label="Day", help_text="As 23")
    kind = forms.ChoiceField(choices=[("a", "First")], widget=forms.RadioSelect)


def test_form_shows_label_hint_error_and_control() -> None:
    html = str(Visit({}))
    assert '<label class="govuk-label" for="id_day">Day</label>' in html
    assert '<div class="govuk-hint" id="id_day_helptext">As 23</div>' in html
    assert 'class="govuk-input govuk-input--error"' in html
    assert '<a href="#id_day">Day: Fill this in; it cannot stay empty.</a>' in html
    assert 'class="govuk-radios__input" type="radio" name="kind" value="a"' in html


def test_times_are_those_of_the_zone() -> None:
    template = engines["django"].from_string("{{ t|local_moment }} {{ d|uk_date }} {{ none|uk_date }}")
    summer = datetime.datetime(2026, 7, 1, 10, 31, tzinfo=datetime.UTC)
    assert template.render({"t": summer, "d": summer.date(), "none": None}) == "1 Jul 2026, 11:31 BST 1 Jul 2026 –"
