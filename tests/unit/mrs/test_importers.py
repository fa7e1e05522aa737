"""Results of other programs: each number is the source's own text, and what is cut or ambiguous is refused."""

import csv
import re

import pytest

from sessions.mrs import MrsError
from sessions.mrs.importers import read_results
from tests.factories import foreign_results as made
from tests.factories.spectra import shared_data

DATA = shared_data()
real = pytest.mark.skipif(not DATA.is_dir(), reason="the shared reference data are not on this machine")


def written(tmp_path, name: str, text: str):
    (tmp_path / name).write_text(text)
    return tmp_path / name


@real
@pytest.mark.parametrize("name", ["svs_97.TABLE", "svs_97.COORD", "liver.COORD"])
def test_every_number_of_a_real_lcmodel_table_is_the_files_own_text(name) -> None:
    path = DATA / "lcmodel_results" / name
    lines = path.read_text().splitlines()
    begin = next(index for index, line in enumerate(lines) if "following concentration table" in line) + 2
    expected = []
    for line in lines[begin:]:
        if "%" not in line:
            break
        # By Fortran's columns, not by the importer's pattern.
        expected.append((line[23:].strip(), line[:9].strip(), line[9:13].strip(), line[14:22].strip()))
    result = read_results(path)
    found = [(one.name, one.estimates[0].value, one.percent_sd, one.estimates[1].value) for one in result.metabolites]
    assert found == expected
    assert len(found) == (11 if name == "liver.COORD" else 37)
    assert (result.program, result.version) == ("LCModel", "6.3-1B")
    assert {one.estimates[1].reference for one in result.metabolites} == {
        "L16+L09+L13" if name == "liver.COORD" else "Cr+PCr"
    }
    assert result.quality["S/N"] == ("24" if name == "liver.COORD" else "13")
    assert bool(result.warnings) == (name == "liver.COORD")
    said = str(result.document())
    for word in ("SVS_97", "Brigham", "2015", "Calderon", "Anon", "75kg", "/media"):
        assert word not in said, word


@real
def test_every_number_of_a_real_lcmodel_csv_is_the_files_own_text() -> None:
    path = DATA / "lcmodel_results" / "svs_97.CSV"
    headings, cells = list(csv.reader(path.read_text().splitlines(), skipinitialspace=True))
    result = read_results(path)
    assert len(result.metabolites) == (len(headings) - 2) // 3
    for position, one in enumerate(result.metabolites):
        value, percent, ratio = (cell.strip() for cell in cells[2 + 3 * position : 5 + 3 * position])
        assert (one.name, one.percent_sd) == (headings[2 + 3 * position].strip(), percent)
        assert [estimate.value for estimate in one.estimates] == [value, ratio]
    same = read_results(DATA / "lcmodel_results" / "svs_97.TABLE")
    for one, other in zip(result.metabolites, same.metabolites, strict=True):
        # LCModel cuts long names in this file.
        assert other.name.startswith(one.name)
        assert (one.estimates, one.percent_sd) == (other.estimates, other.percent_sd)


@real
def test_every_number_of_a_real_tarquin_result_is_the_files_own_text() -> None:
    path = DATA / "tarquin_results" / "tarquin_results.txt"
    rows = [line.split() for line in path.read_text().split("\n\n")[0].splitlines()[2:]]
    result = read_results(path)
    found = [[one.name, one.estimates[0].value, one.percent_sd, one.estimates[0].sd] for one in result.metabolites]
    assert found == rows
    assert (result.program, result.version, len(found)) == ("Tarquin", "4.3.5", 34)
    assert result.metabolite("Tau").percent_sd == "inf"
    assert result.quality == {
        "Metab FWHM (PPM)": "0.04754", "Metab FWHM (Hz)": "5.859", "SNR residual": "36.23", "SNR max": "146.7",
        "Q": "4.048",
    }  # fmt: skip


def cuts(text: str):
    """Return a text cut within and after each line, the last whole line's end included."""
    places = {match.start() for match in re.finditer("\n", text)} | {
        match.end() + 3 for match in re.finditer("\n", text)
    }
    return [text[:place] for place in sorted(places) if 0 < place < len(text)]


@real
@pytest.mark.parametrize(
    "name", ["lcmodel_results/svs_97.TABLE", "lcmodel_results/svs_97.CSV", "tarquin_results/tarquin_results.txt"]
)
def test_a_real_file_cut_anywhere_is_refused(name, tmp_path) -> None:
    for part in cuts((DATA / name).read_text()):
        with pytest.raises(MrsError) as refusal:
            read_results(written(tmp_path, "cut.txt", part))
        assert refusal.value.code.startswith("import-")


@real
def test_a_real_coord_cut_in_its_curves_is_refused(tmp_path) -> None:
    text = (DATA / "lcmodel_results/svs_97.COORD").read_text()
    for share in (0.05, 0.2, 0.5, 0.9, 0.99):
        with pytest.raises(MrsError) as refusal:
            read_results(written(tmp_path, "cut.coord", text[: int(len(text) * share)]))
        assert refusal.value.code == "import-truncated"
    lines = text.split("\n")
    curve = next(index for index, line in enumerate(lines) if "phased data points follow" in line)
    with pytest.raises(MrsError) as refusal:
        read_results(written(tmp_path, "short.coord", "\n".join(lines[: curve + 3] + lines[curve + 4 :])))
    assert refusal.value.code == "import-truncated"


def test_a_sum_whose_name_touches_its_ratio(tmp_path) -> None:
    text = made.lcmodel_table().replace("0.591 NAA+NAAG", "5.91E-01+NAA+NAAG")
    one = read_results(written(tmp_path, "a.table", text)).metabolite("NAA+NAAG")
    assert [estimate.value for estimate in one.estimates] == ["0.148", "5.91E-01"]


def test_fsl_summary_alone_and_in_its_folder(tmp_path) -> None:
    path = written(tmp_path, "summary.csv", made.FSL_SUMMARY)
    result = read_results(path)
    assert result == read_results(tmp_path)
    rows = list(csv.DictReader(made.FSL_SUMMARY.splitlines()))
    assert [one.name for one in result.metabolites] == ["Cr", "Glu", "NAA", "Cr+PCr"]
    for one, row in zip(result.metabolites, rows, strict=True):
        assert one.percent_sd == row["%CRLB"]
        assert one.quality == {"SNR": row["SNR"], "FWHM": row["FWHM"]}
        for estimate in one.estimates:
            assert (estimate.value, estimate.sd) == (row[estimate.column], row[estimate.column + " CRLB"])
    assert [(one.unit, one.reference) for one in result.metabolite("Glu").estimates] == [
        ("ratio", "Cr+PCr"), ("mmol/kg", ""), ("mM", ""),
    ]  # fmt: skip
    raw = read_results(written(tmp_path, "raw.csv", made.FSL_SUMMARY_RAW))
    estimate = raw.metabolite("NAA").estimates[0]
    assert (estimate.value, estimate.sd, estimate.unit) == ("1.2345678901234567e-05", "1.1e-07", "arbitrary units")


def test_osprey_folder_and_single_table(tmp_path) -> None:
    for name, text in made.OSPREY.items():
        (tmp_path / name).write_text(text)
    result = read_results(tmp_path)
    one = result.metabolite("Glu")
    assert [(part.column, part.value, part.unit, part.reference) for part in one.estimates] == [
        ("tCr", "1.24405873211", "ratio", "tCr"), ("TissCorrWaterScaled", "10.55", "mmol/kg", "water"),
    ]  # fmt: skip
    assert one.percent_sd == "3.17"
    single = tmp_path / "renamed"
    single.write_text(made.OSPREY["A_tCr_Voxel_1.tsv"])
    assert read_results(single, name="A_tCr_Voxel_1.tsv").metabolite("tNAA").estimates[0].value == "1.5512"


def test_one_data_set_of_an_osprey_table_is_chosen_by_its_number(tmp_path) -> None:
    path = written(tmp_path, "off_tCr_Voxel_1_Basis_1.tsv", "NAA\tGlu\n1.1\t1.2\n2.1\t2.2\n")
    with pytest.raises(MrsError) as refusal:
        read_results(path)
    assert refusal.value.code == "import-ambiguous"
    assert "2 data sets" in refusal.value.message
    assert read_results(path, row=2).metabolite("Glu").estimates[0].value == "2.2"
    with pytest.raises(MrsError) as refusal:
        read_results(path, row=3)
    assert refusal.value.code == "import-ambiguous"


TABLE = made.lcmodel_table()
SEED, BORN = "SEEDED^TEST^NAME", "1901-02-03"
SEEDED_RESULTS = {
    "version of a table": ("a.table", TABLE.replace("Version 6.3-1R", f"Version {SEED}")),
    "born as version": ("a.table", TABLE.replace("Version 6.3-1R", f"Version {BORN}")),
    "value of a table": ("a.table", TABLE.replace("S/N =", f"S/N = {SEED} S/N =")),
    "heading of a table": ("a.table", TABLE.replace("/Cr+PCr", f"/{SEED}")),
    "metabolite of a table": ("a.table", TABLE.replace(" Gln ", f" {SEED} ")),
    "born as metabolite": ("a.table", TABLE.replace(" Gln ", " G19010203 ")),
    "version of a tarquin csv": ("a.csv", made.TARQUIN_CSV.replace("TARQUIN Version 4.3.11", SEED)),
    "quality of a tarquin csv": ("a.csv", made.TARQUIN_CSV.replace("SNR max", SEED)),
    "reason of a tarquin csv": ("a.csv", made.TARQUIN_CSV.replace("stopped by", SEED)),
    "unit of a tarquin txt": ("a.txt", made.TARQUIN_TXT.replace("(mM)", f"({SEED})")),
    "version of a tarquin txt": ("a.txt", made.TARQUIN_TXT.replace("version 4", f"version {SEED}")),
    "reference of fsl": ("summary.csv", made.FSL_SUMMARY.replace("/Cr+PCr", f"/{SEED}")),
    "metabolite of fsl": ("summary.csv", made.FSL_SUMMARY.replace("NAA,", f"{SEED},", 1)),
    "metabolite of osprey": ("A_tCr_Voxel_1.tsv", made.OSPREY["A_tCr_Voxel_1.tsv"].replace("Glu", SEED)),
    "name of osprey": (f"{SEED}_tCr_Voxel_1.tsv", made.OSPREY["A_tCr_Voxel_1.tsv"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEEDED_RESULTS)
def test_nothing_that_may_identify_is_imported_or_repeated(kind, tmp_path) -> None:
    name, text = SEEDED_RESULTS[kind]
    assert SEED in name + text or BORN in text or "19010203" in text, "the seed stands somewhere"
    try:
        said = str(read_results(written(tmp_path, name, text)).document())
    except MrsError as refusal:
        said = refusal.message
    assert not re.search("SEEDED|1901", said)


def test_tarquin_csv(tmp_path) -> None:
    result = read_results(written(tmp_path, "out.csv", made.TARQUIN_CSV))
    assert (result.program, result.version, result.file_format) == ("Tarquin", "4.3.11", "csv")
    found = [(one.name, one.estimates[0].value, one.estimates[0].sd) for one in result.metabolites]
    assert found == [
        ("Cr", "1.846712e-03", "1.865000e-04"), ("Glu", "3.548123e-03", "1.916000e-04"),
        ("NAA", "2.788000e-03", "1.495000e-04"), ("TNAA", "3.237000e-03", "1.196000e-04"),
    ]  # fmt: skip
    assert result.quality["SNR max"] == "1.467000e+02"


def test_the_document_says_that_it_was_imported(tmp_path) -> None:
    document = read_results(written(tmp_path, "a.table", made.lcmodel_table(title="SEEDED^TEST^NAME"))).document()
    assert document["imported"] is True
    assert (document["program"], document["version"], document["format"]) == ("LCModel", "6.3-1R", "table")
    assert document["metabolites"][3]["name"] == "NAA"
    assert document["metabolites"][3]["percent_sd"] == "11"
    assert document["metabolites"][3]["estimates"][1] == {
        "column": "/Cr+PCr", "value": "0.318", "unit": "ratio", "reference": "Cr+PCr", "sd": "",
    }  # fmt: skip
    assert "SEEDED" not in str(document)
    with pytest.raises(KeyError):
        read_results(tmp_path / "a.table").metabolite("Xyz")


REFUSED = {
    "empty": ("", "file-empty"),
    "binary": ("abc\0def", "import-unknown"),
    "prose": ("Dear all,\nplease find the results.\n", "import-unknown"),
    "pickle": ("\x80\x04\x95\x0b", "import-unknown"),
    "two results": (TABLE + TABLE, "import-ambiguous"),
    "twice the same metabolite": (TABLE.replace(" Gln ", " Glu "), "import-names"),
    "a comma as decimal sign": (TABLE.replace("0.318", "0,318"), "import-number"),
    "stars for a number": (TABLE.replace("0.318", "*****"), "import-number"),
    "no headings": (TABLE.replace("Conc.  %SD", "Conc.  SD"), "import-truncated"),
    "a misc table cut": (TABLE.replace("$$MISC  4", "$$MISC  9"), "import-truncated"),
    "no metabolites": (made.lcmodel_table(()), "import-names"),
    "control file": (" $LCMODL\n filraw='/etc/passwd'\n $END\n", "import-not-a-result"),
    "lcmodel that failed": (" LCModel (Version 6.3-1R)\n 1 fatal ERROR\n", "import-not-a-result"),
    "csv of two voxels": ("Row, Col, Cr, Cr %SD, Cr/Cr\n 1, 1, 1.0, 2, 1.0\n 1, 2, 1.0, 2, 1.0\n", "import-ambiguous"),
    "csv without a row": ("Row, Col, Cr, Cr %SD, Cr/Cr\n", "import-truncated"),
    "csv in another order": ("Row, Col, Cr, Cr/Cr, Cr %SD\n 1, 1, 1.0, 1.0, 2\n", "import-names"),
    "csv short of a cell": ("Row, Col, Cr, Cr %SD, Cr/Cr\n 1, 1, 1.0, 2\n", "import-truncated"),
    "fsl cut": (made.FSL_SUMMARY[:-20], "import-truncated"),
    "fsl short of a cell": (made.FSL_SUMMARY.replace("30.5,7.7", "30.5"), "import-truncated"),
    "fsl without bounds": ("Metab,/Cr+PCr\nNAA,1.4\n", "import-columns"),
    "fsl with a foreign column": (made.FSL_SUMMARY.replace("mMol/kg,", "apples,"), "import-columns"),
    "fsl with text for a number": (made.FSL_SUMMARY.replace("1.4,", "high,"), "import-number"),
    "fsl with a script for a name": (made.FSL_SUMMARY.replace("NAA,", "<script>,"), "import-names"),
    "osprey without its name": (made.OSPREY["A_tCr_Voxel_1.tsv"], "import-unnamed"),
    "osprey with a ragged line": (made.OSPREY["A_tCr_Voxel_1.tsv"].replace("1.33\t1", "1.33"), "import-unnamed"),
    "two tarquin results": (made.TARQUIN_TXT + made.TARQUIN_TXT, "import-ambiguous"),
    "tarquin with a ragged line": (made.TARQUIN_TXT.replace("0.0001865", ""), "import-truncated"),
    "tarquin csv short of a cell": (made.TARQUIN_CSV.replace("stopped by small D*p,", ""), "import-truncated"),
    "tarquin csv that ends with its table": (
        made.TARQUIN_CSV.replace("1,1,1,4.0", "x,1,1,4.0"), "import-truncated",
    ),
    "tarquin curves": ("Row : 1, Col : 1, Slice : 1\nPPMScale,Data,Fit\n1.0,2.0,3.0\n", "import-not-a-result"),
    "tarquin csv cut": (made.TARQUIN_CSV[:250], "import-truncated"),
    "tarquin csv of two voxels": (
        made.TARQUIN_CSV.replace("CRLBs", "1,2,1,1.0,1.0,1.0,1.0\nCRLBs"), "import-ambiguous",
    ),
    "tarquin csv without its bounds": (made.TARQUIN_CSV.replace("CRLBs (", "Bounds ("), "import-truncated"),
    "tarquin csv with other names": (made.TARQUIN_CSV.replace("Cr,Glu", "Cr,Gln", 1), "import-truncated"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_whole_single_result_is_refused_with_a_sentence(kind, tmp_path) -> None:
    text, code = REFUSED[kind]
    with pytest.raises(MrsError) as refusal:
        read_results(written(tmp_path, "result.txt", text))
    assert refusal.value.code == code
    assert refusal.value.message.endswith(".")


def test_folders_links_and_sizes(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MrsError) as refusal:
        read_results(tmp_path / "empty")
    assert refusal.value.code == "import-unknown"
    (tmp_path / "several").mkdir()
    for name in ("A_tCr_Voxel_1.tsv", "diff1_tCr_Voxel_1.tsv"):
        (tmp_path / "several" / name).write_text(made.OSPREY["A_tCr_Voxel_1.tsv"])
    with pytest.raises(MrsError) as refusal:
        read_results(tmp_path / "several")
    assert refusal.value.code == "import-ambiguous"
    (tmp_path / "A_CRLB_Voxel_1.tsv").write_text(made.OSPREY["A_CRLB_Voxel_1.tsv"])
    with pytest.raises(MrsError) as refusal:
        read_results(tmp_path / "A_CRLB_Voxel_1.tsv")
    assert refusal.value.code == "import-not-a-result"
    (tmp_path / "A_tCr_Voxel_2.tsv").write_text(made.OSPREY["A_tCr_Voxel_1.tsv"] + "1\t2\n")
    with pytest.raises(MrsError) as refusal:
        read_results(tmp_path / "A_tCr_Voxel_2.tsv")
    assert refusal.value.code == "import-truncated"
    (tmp_path / "link.table").symlink_to(tmp_path / "A_CRLB_Voxel_1.tsv")
    with pytest.raises(MrsError) as refusal:
        read_results(tmp_path / "link.table")
    assert refusal.value.code == "file-link"
    with pytest.raises(MrsError) as refusal:
        read_results(tmp_path / "nothing.table")
    assert refusal.value.code == "file-missing"
    with (tmp_path / "large.csv").open("wb") as stream:
        stream.truncate(17 * 1024**2)
    with pytest.raises(MrsError) as refusal:
        read_results(tmp_path / "large.csv")
    assert refusal.value.code == "file-too-large"
