"""Every code that the engine may answer with is in the reference, and the reference names no other."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def codes_raised() -> set[str]:
    found = set()
    for path in (REPOSITORY / "sessions" / "mrs").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "MrsError":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    return found


def test_codes_and_reference_agree() -> None:
    section = (REPOSITORY / "docs" / "reference" / "formats.md").read_text().split("## Refusals")[1]
    documented = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", section))
    assert codes_raised() <= documented, sorted(codes_raised() - documented)
    assert documented <= codes_raised(), sorted(documented - codes_raised())
