"""Which program wrote a result file, told by its content; and the limits that hold for all of them."""

import re
from collections.abc import Callable
from pathlib import Path

from sessions.mrs.errors import MrsError
from sessions.mrs.importers import fsl, lcmodel, osprey, tarquin
from sessions.mrs.importers.result import ImportedResult

LARGEST_BYTES = 16 * 1024**2
# What a text of each format begins with or holds, and who reads it; Osprey's are told by their name.
READERS: tuple[tuple[re.Pattern[str], Callable[[str], ImportedResult]], ...] = (
    (lcmodel.IS_TABLE, lcmodel.read_table),
    (lcmodel.IS_CSV, lcmodel.read_csv),
    (tarquin.IS_TEXT, tarquin.read_text),
    (tarquin.IS_CSV, tarquin.read_csv),
    (fsl.IS_SUMMARY, fsl.read_summary),
)
UNKNOWN = MrsError(
    "import-unknown",
    "This is not a result that can be imported. Choose LCModel's .table, .coord or .csv, FSL-MRS's summary.csv, "
    "Osprey's ..._tCr_Voxel_1.tsv or Tarquin's results as .csv or .txt.",
)


def read_results(path: str | Path, *, name: str | None = None, row: int | None = None) -> ImportedResult:
    """Read a result file, or the results folder of FSL-MRS or Osprey.

    Parameters
    ----------
    path
        The file or folder.
    name
        The file's own name where `path` is another: Osprey says in the name what a table holds.
    row
        Which data set of an Osprey table, counted from 1; needed where there are several.

    Raises
    ------
    MrsError
        `import-...`: it is unknown, truncated, ambiguous or not a result.
    """
    source = Path(path)
    if source.is_symlink():
        raise MrsError("file-link", "The result is a link to another file. Choose the file itself.")
    if source.is_dir():
        return _from_folder(source, row)
    text = _text(source)
    name = name or source.name
    for is_of, read in READERS:
        if is_of.search(text):
            return read(text)
    if osprey.is_table(text, name):
        return osprey.read_tables({name: text}, row=row)
    raise _hint(text)


def _from_folder(folder: Path, row: int | None) -> ImportedResult:
    files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file() and not path.is_symlink()}
    if "summary.csv" in files:
        text = _text(files["summary.csv"])
        if fsl.IS_SUMMARY.search(text):
            return fsl.read_summary(text)
    tables = {name: _text(path) for name, path in files.items() if osprey.quantity_of(name)}
    if tables:
        return osprey.read_tables(tables, row=row)
    raise MrsError(
        "import-unknown",
        "The folder holds no result: FSL-MRS writes a summary.csv into its results folder, Osprey its .tsv tables into "
        "QuantifyResults.",
    )


def _text(path: Path) -> str:
    if not path.is_file():
        raise MrsError("file-missing", "The file was not found.")
    size = path.stat().st_size
    if size == 0:
        raise MrsError("file-empty", "The file is empty.")
    if size > LARGEST_BYTES:
        raise MrsError("file-too-large", "The file is larger than 16 MB: this is no result file.")
    content = path.read_bytes()
    if b"\0" in content:
        raise UNKNOWN
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _hint(text: str) -> MrsError:
    """Return the refusal, naming the program's right file where the wrong one was chosen."""
    if tarquin.IS_CURVES.search(text):
        return MrsError(
            "import-not-a-result",
            "These are the curves of a Tarquin fit, not its results. Choose the results (.csv or .txt) instead.",
        )
    if text.lstrip().startswith("$LCMODL"):
        return MrsError(
            "import-not-a-result",
            "This is an LCModel control file; none is ever read. Choose the .table, .coord or .csv that LCModel wrote.",
        )
    if "LCModel (Version" in text[:2000]:
        return MrsError(
            "import-not-a-result",
            "This LCModel file holds no table of concentrations: LCModel stopped with an error, or it is another of "
            "its files. Choose the .table, .coord or .csv of a finished fit.",
        )
    if osprey.looks_like_table(text):
        return MrsError(
            "import-unnamed",
            "Osprey says in a table's name what it holds. Choose a file that still has its name, such as "
            "A_tCr_Voxel_1.tsv.",
        )
    return UNKNOWN
