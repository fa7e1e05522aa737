"""Uploaded lists: what is read, and each fault with its row and what to do."""

import pytest

from sessions.randomization import accept
from sessions.randomization.generate import commit_codes
from sessions.randomization.methods import Method
from sessions.randomization.uploaded import Fault, Reading, read_list

STRATA = ["01|F", "01|M"]
GOOD = "stratum,sequence\n01|F,AB\n01|M,BA\n01|F,BA\n01|M,AB\n"
NUMBERED = "number;stratum;sequence\r\nK-9;01|F;AB\r\nK-2;01|M;BA\r\n;;\r\nK-7;01|F;BA\r\n"


def read(text: str | bytes, **changed: object) -> Reading:
    content = text if isinstance(text, bytes) else text.encode()
    return read_list(content, **({"sequences": ["AB", "BA"], "strata": STRATA} | changed))


def test_rows_keep_their_order_within_a_stratum() -> None:
    found = read(GOOD)
    assert found.faults == ()
    assert found.uploaded.codes == {"01|F": ["AB", "BA"], "01|M": ["BA", "AB"]}
    assert found.uploaded.numbers is None


def test_semicolons_a_byte_order_mark_capitals_and_empty_rows_are_read() -> None:
    found = read(b"\xef\xbb\xbf" + NUMBERED.replace("number", " Number ").encode())
    assert found.uploaded.codes == {"01|F": ["AB", "BA"], "01|M": ["BA"]}
    assert found.uploaded.numbers == {"01|F": ["K-9", "K-7"], "01|M": ["K-2"]}


def test_one_stratum_needs_no_column() -> None:
    assert read("sequence\nAB\nBA\n", strata=["all"]).uploaded.codes == {"all": ["AB", "BA"]}


@pytest.mark.parametrize(
    ("content", "row", "sentence"),
    [
        (b"\xff\xfe\x00", 0, "not UTF-8 text"),
        (b"PK\x00\x03", 0, "may be a spreadsheet"),
        (b"x" * (2**20 + 1), 0, "larger than 1 MB"),
        ('stratum,sequence\n"01|F,AB', 0, "no well-formed CSV"),
        ("", 1, "The first row is empty"),
        (" , \n01|F,AB\n", 1, "The first row is empty"),
        ("sequence\nAB\n", 1, "The column stratum is missing"),
        ("stratum\n01|F\n", 1, "The column sequence is missing"),
        ("stratum,sequence,group\n01|F,AB,1\n", 1, "«group» is not known"),
        ("stratum,sequence,sequence\n01|F,AB,AB\n", 1, "sequence stands twice"),
        ("stratum,sequence\n01|F,AB\n01|M\n", 3, "The row has 1 cells but the heading has 2"),
        ("stratum,sequence\n01|F,AB\n01|X,BA\n", 3, "no stratum «01|X» in this study. Use one of 01|F, 01|M"),
        ("stratum,sequence\n01|F,ab\n01|M,BA\n", 2, "no sequence «ab» in this study. Use one of AB, BA"),
        ("number,stratum,sequence\n,01|F,AB\n", 2, "The number is missing"),
        ("number,stratum,sequence\n7_7,01|F,AB\n", 2, "«7_7» is not usable"),
        ("number,stratum,sequence\n" + "7" * 21 + ",01|F,AB\n", 2, "is not usable"),
        ("number,stratum,sequence\n7,01|F,AB\n7,01|M,BA\n", 3, "The number 7 is already in row 2"),
        ("number,stratum,sequence\nOLD-1,01|F,AB\n", 2, "given by an earlier list"),
        ("stratum,sequence\n01|F,AB\n01|F,BA\n", 0, "Stratum 01|M has 0 rows but needs at least 1"),
        ("stratum,sequence\n01|F,AB\n01|M,AB\n", 0, "No row gives sequence BA"),
        ("stratum,sequence\n" + "01|F,AB\n" * 20_000, 0, "more than 20000 rows"),
    ],
)
def test_each_fault_says_where_and_what_to_do(content: str | bytes, row: int, sentence: str) -> None:
    found = read(content, taken_numbers={"OLD-1"})
    assert found.uploaded is None
    assert [fault.row for fault in found.faults if sentence in fault.sentence] == [row]
    assert found.faults[0].sentence.count(".") >= 1


def test_all_faults_of_a_file_come_at_once() -> None:
    found = read("stratum,sequence\nX,AB\n01|F,Y\n01|M,BA\nZ,Z\n")
    assert [fault.row for fault in found.faults] == [2, 3, 5, 5]


def test_short_strata_are_told_with_the_number_that_is_needed() -> None:
    found = read(GOOD, fewest_per_stratum=3)
    assert found.faults[0] == Fault(0, "Stratum 01|F has 2 rows but needs at least 3. Add rows for it.")
    assert len(found.faults) == 2


@pytest.mark.parametrize("text", [GOOD, NUMBERED])
def test_an_uploaded_list_is_committed_and_accepted(text: str) -> None:
    uploaded = read(text).uploaded
    made = commit_codes(uploaded.codes, seed=bytes(32), numbers=uploaded.numbers)
    settings = {
        "method": Method.UPLOADED_LIST, "parameters": {"has_own_numbers": uploaded.numbers is not None},
        "sequences": ["AB", "BA"], "strata": STRATA, "seed": bytes(32), "root": made.root,
    }  # fmt: skip
    assert accept(made.slots, **settings).passes
    assert not accept(made.slots, **(settings | {"seed": bytes(31) + b"\x01"})).derives_again
    assert not accept(made.slots, **settings, taken_numbers=[made.slots[0].number]).numbers_distinct
