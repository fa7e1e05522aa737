"""What the README says is tried: its commands here, its scripts against the running portal (tests/browser)."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text()
GUIDE = (REPOSITORY / "docs" / "how-to" / "statisticians.md").read_text()

# Commands that other tests start, and where.
TRIED_ELSEWHERE = {
    "up": "test_portal_commands.py and every browser test",
    "test": "this very run",
    "code": "tests/browser (sign-in at the unblinded door)",
    "bench": "test_portal_commands.py; a whole benchmark takes minutes",
}


def commands() -> set[str]:
    return set(re.findall(r"^\./portal (\w+)", README, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout with the same environment."""
    place = tmp_path_factory.mktemp("readme") / "portal"
    ignored = shutil.ignore_patterns(".venv", ".git", "data", "site", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(REPOSITORY, place, ignore=ignored)
    (place / ".venv").symlink_to(REPOSITORY / ".venv")
    return place


def test_every_command_is_one_that_portal_knows_and_some_test_tries() -> None:
    here = {"check", "fix", "migrations", "docs", "manage"}
    assert commands() == here | set(TRIED_ELSEWHERE)


@pytest.mark.parametrize(
    "arguments",
    [("fix",), ("migrations", "sessions", "add_visit_note"), ("manage", "check"), ("docs",)],
    ids=lambda arguments: arguments[0],
)
def test_the_command_works(copy: Path, arguments: tuple[str, ...]) -> None:
    environment = {**os.environ, "PORTAL_DATA": str(copy / "data")}
    ran = subprocess.run(
        [sys.executable, "portal", *arguments], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_check_refuses_what_it_should(copy: Path) -> None:
    broken = copy / "participants" / "broken.py"
    broken.write_text("import os\n")
    try:
        ran = subprocess.run([sys.executable, "portal", "check"], cwd=copy, capture_output=True, text=True, check=False)
    finally:
        broken.unlink()
    assert ran.returncode == 1
    assert "participants/broken.py" in ran.stdout


@pytest.mark.parametrize("language", ["python", "r"])
def test_the_scripts_are_those_of_the_guide_which_are_tried(language: str) -> None:
    block = re.compile(rf"```{language}\n(.*?)```", flags=re.DOTALL)
    assert block.search(README)[1] == block.search(GUIDE)[1]


def test_every_folder_of_the_map_exists() -> None:
    folders = re.findall(r"^\| `([\w/]+/)` \|", README, flags=re.MULTILINE)
    assert len(folders) == 9
    assert [name for name in folders if not (REPOSITORY / name).is_dir()] == []
