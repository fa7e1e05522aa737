"""Small files, named for what they hold; linear, named migrations; science that runs alone; one movable clock."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("studyportal", "participants", "sessions", "ratings")
SOURCES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST = 300
# Each is one thing that would be harder to read in two; the number is where it may not grow beyond.
LONGER = {
    "sessions/mrs/pipeline.py": 340,  # the steps of one quantification, read from top to bottom
    "sessions/randomization/verify.py": 610,  # one file that a reviewer copies and reads; it may import none of ours
    "sessions/services/uploads.py": 320,  # one way of a file, from announced to stored
}
FORBIDDEN = {"utils", "helpers", "misc", "common", "util", "helper", "base_views", "managers"}
CLOCK_MOVERS = ("studyportal/demo/", "studyportal/management/commands/demo", "studyportal/clock.py")


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_source_file_is_longer_than_300_lines() -> None:
    long = {shown(path): len(path.read_text().splitlines()) for path in SOURCES if "migrations" not in path.parts}
    over = {name: lines for name, lines in long.items() if lines > LONGER.get(name, LONGEST)}
    assert not over, f"is this two things? {over}"


def test_no_file_is_named_for_nothing() -> None:
    assert [shown(path) for path in SOURCES if path.stem in FORBIDDEN or path.parent.name in FORBIDDEN] == []


def test_the_top_level_holds_the_agreed_packages_only() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    packages = {name.split("/")[0] for name in tracked if name.endswith("__init__.py")}
    assert packages <= {*PACKAGES, "tests"}
    assert not [name for name in tracked if re.search(r"(^|/)(\.env|.*\.pem|.*\.sqlite3)$", name)]


def test_migrations_are_linear_and_named() -> None:
    for package in PACKAGES:
        for folder in (ROOT / package).rglob("migrations"):
            files = sorted(path.stem for path in folder.glob("[0-9]*.py"))
            assert [name[:4] for name in files] == [f"{n:04}" for n in range(1, len(files) + 1)], shown(folder)
            assert not [name for name in files if "_auto_" in name or "merge" in name], shown(folder)


def calls_of(tree: ast.AST, owner: str, attribute: str) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == attribute and isinstance(node.value, ast.Name)
        and node.value.id == owner
        for node in ast.walk(tree)
    )  # fmt: skip


def test_only_the_demo_moves_the_clock() -> None:
    movers = [
        shown(path)
        for path in SOURCES
        if calls_of(tree := ast.parse(path.read_text()), "clock", "at")
        or any(
            isinstance(node, ast.ImportFrom) and node.module == "studyportal.clock"
            and any(alias.name == "at" for alias in node.names)
            for node in ast.walk(tree)
        )
    ]  # fmt: skip
    assert [name for name in movers if not name.startswith(CLOCK_MOVERS)] == []


@pytest.mark.parametrize("package", ["sessions.mrs", "sessions.randomization", "studyportal.reports.analysis"])
def test_science_imports_without_django(package: str) -> None:
    code = (
        f"import sys, pkgutil, importlib, {package} as p\n"
        "for found in pkgutil.walk_packages(p.__path__, p.__name__ + '.'):\n"
        "    if not found.name.endswith('__main__'): importlib.import_module(found.name)\n"
        "bad = sorted({'django', 'rest_framework', 'celery', 'psycopg'} & set(sys.modules))\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_repository_names_no_place_of_its_making() -> None:
    words = re.compile("|".join(("/work" + "/", "far" + "m-", "file:" + "//")))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    text = {".py", ".md", ".toml", ".yml", ".txt", ".in", ".html", ".css", ".js", ".json", ""}
    found = [
        name
        for name in tracked
        if Path(name).suffix in text and "/vendor/" not in name and (ROOT / name).is_file()
        and words.search((ROOT / name).read_text(errors="replace"))
    ]  # fmt: skip
    assert found == []
