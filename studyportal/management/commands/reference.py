"""Writes the generated reference: who may do what, and the API of both doors."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyportal.accounts import permissions_page
from studyportal.api.schema import document

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "reference"


def generated() -> dict[str, str]:
    """Return each file's name and text."""
    return {
        "permissions.md": permissions_page.page(),
        "openapi-v1.json": _json(document("web")),
        "openapi-vault-v1.json": _json(document("vault")),
    }


def stale(folder: Path = FOLDER) -> list[str]:
    """Return the names of files that are missing or differ from what would be written."""
    return [
        name
        for name, text in generated().items()
        if not (folder / name).is_file() or (folder / name).read_text() != text
    ]


def _json(made: dict[str, Any]) -> str:
    return json.dumps(made, indent=2, sort_keys=True) + "\n"


class Command(BaseCommand):
    """`manage.py reference` writes the files, `--check` only compares them."""

    help = "Write docs/reference: permissions and the OpenAPI documents of both doors."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the choice between writing and comparing."""
        parser.add_argument("--check", action="store_true", help="compare the committed files, write nothing")
        parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are")

    def handle(self, **options: Any) -> None:
        """Do it and name the files."""
        folder: Path = options["folder"]
        if options["check"]:
            if old := stale(folder):
                msg = f"Generated files are out of date: {', '.join(old)}. Run 'manage.py reference'."
                raise CommandError(msg)
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in generated().items():
            (folder / name).write_text(text)
            self.stdout.write(name)
