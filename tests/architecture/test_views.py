"""Interfaces read through selectors and write through services: no `.objects` in views, API and tasks."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_VIEW = 25
INTERFACES = sorted(
    path
    for package in ("studyportal", "participants", "sessions", "ratings")
    for path in (ROOT / package).rglob("*.py")
    if {"views", "vault_views", "api"} & set(path.relative_to(ROOT).parts[:-1])
    or path.stem in {"views", "tasks", "health", "error_pages"}
)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_interfaces_are_found() -> None:
    names = {shown(path) for path in INTERFACES}
    assert {"studyportal/accounts/views.py", "studyportal/api/views.py", "sessions/tasks.py"} <= names


@pytest.mark.parametrize("path", INTERFACES, ids=shown)
def test_an_interface_asks_no_model(path: Path) -> None:
    lines = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager", "raw", "save", "delete"}
    ]
    assert lines == [], f"{shown(path)}: call a selector or a service"


@pytest.mark.parametrize("path", INTERFACES, ids=shown)
def test_views_are_short(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines < LONGEST_VIEW, f"{shown(path)}:{node.lineno} {node.name} has {lines} lines"
