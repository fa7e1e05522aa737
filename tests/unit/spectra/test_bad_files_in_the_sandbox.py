"""Bad files through the real sandbox, which gives a child five seconds of processor time, and its grandchild too."""

import pytest

from sessions.services import sandbox
from tests.factories.malformed import kinds
from tests.factories.spectra import BASIS

SECONDS = 5


@pytest.mark.parametrize(
    "name",
    ["bomb", "zip bomb", "noise", "dicom of an image"],
)
def test_is_answered_within_five_seconds_of_work(name, tmp_path, settings) -> None:
    settings.PORTAL_FIT_CPU_SECONDS = SECONDS
    kind = kinds()[name]
    (tmp_path / "given").mkdir()
    path = kind.write(tmp_path / "given")
    with pytest.raises(sandbox.Refused) as refusal:
        sandbox.engine(
            ["quantify", path, "--basis", BASIS, "--json", "--progress"],
            folder=tmp_path,
            tick=lambda _stage, _done: True,
        )
    assert refusal.value.code == kind.code
    assert refusal.value.message.endswith(".")
    assert {one.name for one in tmp_path.iterdir()} == {"given", "answer.json"}
