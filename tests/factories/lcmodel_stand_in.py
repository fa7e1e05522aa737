"""A program that keeps to LCModel's documented input and output, for tests: it fits nothing.

It reads a control file from standard input, then data and basis, and writes a .table whose numbers are computed from
the data. Each failure of a real LCModel has its twin.
"""

import stat
import sys
import textwrap
from pathlib import Path

from tests.factories.foreign_results import lcmodel_table

GOOD = """
    import re, sys
    control = sys.stdin.read()
    assert control.startswith(" $LCMODL") and control.rstrip().endswith("$END"), "no namelist"
    said = dict(re.findall(r"(\\w+) = '?([^'\\n]*)'?", control))
    head, _, body = open(said["FILRAW"]).read().partition("$END")
    assert "FMTDAT='(2E15.6)'" in head
    rows = [(float(line[:15]), float(line[15:30])) for line in body.strip("\\n").split("\\n")]
    assert len(rows) == int(said["NUNFIL"]), "points"
    water = []
    if said.get("DOWS") == "T":
        _, _, body = open(said["FILH2O"]).read().partition("$END")
        water = [(float(line[:15]), float(line[15:30])) for line in body.strip("\\n").split("\\n")]
        assert len(water) == int(said["NUNFIL"]), "points of the water"
    names = re.findall(r"METABO\\s*=\\s*'([^']*)'", open(said["FILBAS"]).read())
    assert 20 < float(said["HZPPPM"]) < 700 and 1e-5 < float(said["DELTAT"]) < 2e-3
    total = sum(abs(re_) + abs(im) for re_, im in rows[:8])
    if water:
        total *= 1000 / sum(abs(re_) + abs(im) for re_, im in water[:8])
    lines = []
    for index, name in enumerate(names):
        value = f"{total / (index + 2):.2E}"
        lines.append(f"{value:>9}{index + 3:>4}% {index / 7:>7.3f} {name:<52}")
    table = FORM
    before, _, after = table.partition("ROWS\\n")
    before = before.replace("COUNT", str(len(names) + 1))
    open(said["FILTAB"], "w").write(before + "\\n".join(lines) + "\\n" + after)
"""
FAILURES = {
    "crash": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "error": "raise SystemExit(3)",
    "silence": "pass",
    "hang": "import signal; signal.pause()",
    "nonsense": "open('result.table', 'w').write('the result is good\\n' * 50)",
    "half a table": "open('result.table', 'w').write(FORM[:300])",
    "another program's table": "open('result.table', 'w').write('Metab,/Cr,%CRLB\\nNAA,1.0,2.0\\n')",
    "a link": "import os; os.symlink('/etc/passwd', 'result.table')",
    "flood": "open('result.table', 'w').write('x' * 200_000_000)",
}


def stand_in(folder: Path, failure: str = "", *, table: Path | None = None) -> Path:
    """Write the program; return its path.

    `table`: a table that a real LCModel wrote; it is handed out instead of computed numbers.
    """
    form = lcmodel_table((("VALUE", "1", "1", "ROWS"),)).split("\n")
    at = next(index for index, line in enumerate(form) if "ROWS" in line)
    form[at] = "ROWS"
    text = "\n".join(form).replace("$$CONC 2", "$$CONC COUNT")
    body = f"FORM = {text!r}\n" + (FAILURES[failure] if failure else textwrap.dedent(GOOD))
    if table is not None:
        body += f"\nopen(said['FILTAB'], 'w').write(open({str(table)!r}).read())"
    path = folder / "lcmodel"
    path.write_text(f"#!{sys.executable} -I\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
