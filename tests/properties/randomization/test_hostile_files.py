"""Whatever is uploaded as a list, or handed to the verifier, is answered in sentences."""

import io
import json
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.randomization import verify
from sessions.randomization.bundle import reveal_bundle
from sessions.randomization.generators import Generator
from sessions.randomization.uploaded import read_list
from tests.factories import golden_lists as golden

CELLS = st.sampled_from(
    ["stratum", "sequence", "number", "01|F", "01|M", "AB", "BA", "", " ", '"', "ä", "K-1", "\r", "x"]
)
TABLES = st.lists(st.lists(CELLS, max_size=4).map(",".join), max_size=8).map("\n".join)


@settings(max_examples=150, deadline=None)
@given(content=st.one_of(st.binary(max_size=60), TABLES.map(str.encode)))
def test_any_file_gives_a_list_or_faults(content: bytes) -> None:
    found = read_list(content, sequences=["AB", "BA"], strata=["01|F", "01|M"])
    assert (found.uploaded is None) == bool(found.faults)
    assert all(fault.sentence.endswith(".") and fault.row >= 0 for fault in found.faults)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 10**12), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=5,
)
WHOLE = reveal_bundle(
    golden.terms("blocks of 2 or 4", Generator.HMAC_DRBG, slots=4), golden.SEED,
    golden.made(golden.terms("blocks of 2 or 4", Generator.HMAC_DRBG, slots=4)), [],
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from([*WHOLE, *(f"header.{name}" for name in WHOLE["header"])]), value=VALUES)
def test_any_value_in_a_bundle_is_answered(name: str, value: object) -> None:
    bundle = json.loads(json.dumps(WHOLE))
    part, last = (bundle["header"], name[7:]) if name.startswith("header.") else (bundle, name)
    is_same = part[last] == value
    part[last] = value
    told = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(told):
        (Path(folder) / "b.json").write_text(json.dumps(bundle))
        assert (verify.main([str(Path(folder) / "b.json")]) == 0) == is_same
