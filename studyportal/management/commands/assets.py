"""Brings pinned browser assets into the tree, and proves that they are still what was locked.

Node builds nothing here: whoever updates needs `npm`; checks, images and production need neither npm nor a network.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

STATIC = Path(__file__).resolve().parents[2] / "static"
LOCK = STATIC / "assets.lock.json"


def unbranded(css: str) -> str:
    """Return govuk-frontend's style sheet without the font and arms that only gov.uk may show."""
    css = re.sub(r"/\*!\s*Copyright \(c\) 2011 by Margaret Calvert.*?\*/", "", css, flags=re.DOTALL)
    css, faces = re.subn(r"@font-face\{font-family:GDS Transport[^}]*\}", "", css)
    css, uses = re.subn(r"GDS Transport,arial,sans-serif", "var(--sdm-font)", css)
    css = css.replace("url(/assets/images/govuk-crest.svg)", "none")
    if faces != 2 or uses < 20 or "GDS Transport" in css or "url(/" in css:
        raise CommandError("govuk-frontend's style sheet changed shape: adapt `unbranded` before you update.")
    return css


def without_source_map(text: str) -> str:
    """Return text without its sourceMappingURL, which manifest storage would follow to a file that is not there."""
    return re.sub(r"(/\*|//)# sourceMappingURL=\S+(\s*\*/)?", "", text)


def prepared(name: str, content: bytes) -> bytes:
    """Return an asset's bytes as they are committed."""
    if not name.endswith((".css", ".js")):
        return content
    text = content.decode()
    if name.endswith("govuk-frontend.css"):
        text = unbranded(text)
    return without_source_map(text).encode()


def changed_files(static: Path = STATIC, lock: Path = LOCK) -> list[str]:
    """Return the locked files under `static` that are missing or differ from `lock`."""
    outputs: dict[str, dict[str, Any]] = json.loads(lock.read_text())["outputs"]
    return [
        name
        for name, output in outputs.items()
        if not (static / name).is_file() or hashlib.sha256((static / name).read_bytes()).hexdigest() != output["sha256"]
    ]


def fetched(package: dict[str, Any], folder: Path) -> Path:
    """Download one package with npm into `folder`; return the archive after its SHA-512 matched the lock's."""
    npm = shutil.which("npm")
    if npm is None:
        raise CommandError("npm is not installed; only --update needs it.")
    spec = f"{package['name']}@{package['version']}"
    subprocess.run([npm, "pack", spec, "--silent", "--pack-destination", folder], check=True, capture_output=True)  # noqa: S603
    archive = next(folder.glob("*.tgz"))
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if package["integrity"] not in {"", integrity}:
        msg = f"{spec} differs from the archive that was locked: {package['integrity']} -> {integrity}"
        raise CommandError(msg)
    package["integrity"] = integrity
    return archive


def update() -> int:
    """Fetch every locked package, write its listed files and the lock; return the number of files."""
    lock = json.loads(LOCK.read_text())
    lock["outputs"] = {}
    for package in lock["packages"]:
        with tempfile.TemporaryDirectory() as folder, tarfile.open(fetched(package, Path(folder))) as archive:
            for source, name in package["files"].items():
                member = archive.extractfile(f"package/{source}")
                if member is None:
                    msg = f"{package['name']} has no file {source}."
                    raise CommandError(msg)
                content = prepared(name, member.read())
                target = STATIC / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                lock["outputs"][name] = {
                    "from": f"{package['name']}@{package['version']}:{source}",
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "bytes": len(content),
                }
    LOCK.write_text(json.dumps(lock, indent=2) + "\n")
    return len(lock["outputs"])


class Command(BaseCommand):
    """`manage.py assets --check` in CI, `--update` after a version in the lock was changed."""

    help = "Check or update the vendored browser assets."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take exactly one of the two acts."""
        act = parser.add_mutually_exclusive_group(required=True)
        act.add_argument("--check", action="store_true", help="compare the committed files with the lock, offline")
        act.add_argument("--update", action="store_true", help="fetch the locked versions with npm")

    def handle(self, **options: Any) -> None:
        """Do it and say how many files."""
        if options["update"]:
            self.stdout.write(f"{update()} files vendored")
        elif changed := changed_files():
            msg = f"Vendored files differ from the lock: {', '.join(changed)}"
            raise CommandError(msg)
