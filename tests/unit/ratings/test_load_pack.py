"""The command that loads an instrument pack."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ratings.selectors import active_pack
from ratings.services.packs import PLACEHOLDER
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def test_a_pack_is_loaded_and_its_hash_is_said(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pack.json"
    file.write_text(json.dumps(json.loads(PLACEHOLDER.read_text()) | {"version": "2026"}))
    call_command("load_pack", "XO", str(file))
    pack = active_pack(world.study, "MADRS")
    assert pack.version == "2026"
    assert capsys.readouterr().out == f"MADRS 2026 (en-GB) is in force, SHA-256 {pack.sha256}\n"
    assert active_pack(world.other_study, "MADRS").version == "placeholder-1"


@pytest.mark.parametrize(
    ("study", "text", "said"),
    [
        ("NO", "{}", "There is no study NO."),
        ("XO", "{", "was not loaded: Expecting property name"),
        ("XO", "[]", "The pack must be one JSON object."),
        ("XO", "{}", "was not loaded: The pack lacks “instrument”."),
        ("XO", None, "was not loaded"),
    ],
)
def test_what_cannot_be_loaded_is_said(study: str, text: str | None, said: str, world: World, tmp_path: Path) -> None:
    file = tmp_path / "pack.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CommandError, match=said):
        call_command("load_pack", study, str(file))
    assert active_pack(world.study, "MADRS").version == "placeholder-1"
