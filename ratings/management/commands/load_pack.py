"""Load a licensed site's instrument pack: `manage.py load_pack STUDY FILE`."""

import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ratings.services.packs import load_pack
from studyportal.audit.context import acting
from studyportal.errors import StudyError
from studyportal.studies.models import Study


class Command(BaseCommand):
    """Check a pack and make it the one in force for new ratings."""

    help = "Load an instrument pack (JSON) for a study; begun ratings keep the pack they have."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the study and the file."""
        parser.add_argument("study", help="the study's code")
        parser.add_argument("file", type=Path, help="the pack, a JSON document")

    def handle(self, *, study: str, file: Path, **_: object) -> None:
        """Load it, or say in a sentence why not."""
        found = Study.objects.filter(code=study).first()
        if found is None:
            msg = f"There is no study {study}."
            raise CommandError(msg)
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(document, dict):
                raise CommandError("The pack must be one JSON object.")
            with acting("system:load_pack"):
                pack = load_pack(study=found, document=document, by=None)
        except (OSError, ValueError, StudyError) as refusal:
            msg = f"{file} was not loaded: {refusal}"
            raise CommandError(msg) from None
        self.stdout.write(f"{pack} is in force, SHA-256 {pack.sha256}")
