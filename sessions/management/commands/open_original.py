"""Opens a kept original with the key that no process of the portal holds."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from sessions.services import originals
from sessions.spectra import any_upload
from studyportal.audit.context import acting
from studyportal.errors import StudyError


class Command(BaseCommand):
    """`manage.py open_original UPLOAD --key FILE --out FILE`; the trail notes the opening before it happens."""

    help = "Write the original file of an upload as the scanner wrote it. It holds identifiers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the upload's id, the private key and where to write."""
        parser.add_argument("upload", type=UUID)
        parser.add_argument("--key", type=Path, required=True, help="quarantine_private_key, brought for this")
        parser.add_argument("--out", type=Path, required=True)

    def handle(self, **options: Any) -> None:
        """Open and write; a file that does not open leaves nothing behind."""
        out: Path = options["out"]
        try:
            out.touch(mode=0o600, exist_ok=False)  # for whoever asked alone, whatever their umask says
        except OSError as fault:
            msg = f"{out} exists already." if isinstance(fault, FileExistsError) else str(fault)
            raise CommandError(msg) from None
        try:
            with acting("system:open_original:shell"), out.open("wb") as file:
                upload = any_upload(options["upload"])
                for piece in originals.opened(upload=upload, private_key=options["key"].read_bytes()):
                    file.write(piece)
        except (StudyError, OSError) as refusal:
            out.unlink(missing_ok=True)
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{out}: {out.stat().st_size} bytes, with identifiers.")
