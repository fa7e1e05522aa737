"""Basis sets: what may be added, and which of them a spectrum gets."""

from pathlib import Path

import pytest

from sessions.models import BasisSet
from sessions.services import bases
from sessions.services.sandbox import Refused
from studyportal.errors import InvalidInput, NotPermitted
from tests.factories import scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db

BASIS = (
    b" $SEQPAR\n ECHOT = 35.0\n HZPPPM = 127.7\n $END\n $BASIS\n METABO = 'NAA'\n $END\n $BASIS\n METABO='Glu'\n $END\n"
)


def add(world: World, content: bytes = BASIS, **more) -> BasisSet:
    values = {"name": "Scanner", "filename": "my basis.BASIS", "by": world.imaging_analyst} | more
    return bases.add_uploaded(study=world.study, content=content, **values)


def test_an_uploaded_basis_says_its_field_and_echo_time(world: World, tmp_path: Path) -> None:
    basis = add(world)
    assert (basis.field_tesla, basis.echo_time_ms, basis.suffix, basis.is_default) == (3.0, 35.0, ".basis", False)
    assert Path(bases.engine_argument(basis, tmp_path)).read_bytes() == BASIS
    with pytest.raises(InvalidInput, match="is here already: Scanner"):
        add(world, name="Again")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"filename": "a.txt"}, "ends in .BASIS"),
        ({"content": b""}, "no $BASIS block"),
        ({"content": b"\x00" + BASIS}, "no $BASIS block"),
        ({"content": BASIS.replace(b"HZPPPM = 127.7", b"")}, "field strength"),
        ({"content": BASIS.replace(b"127.7", b"9.0")}, "field strength"),
        ({"content": BASIS.replace(b"'Glu'", b"'Xyz'")}, "no GLU"),
        ({"content": BASIS + b" " * bases.LIMIT_BYTES}, "larger than 32 MB"),
        ({"name": " "}, "Give the basis a name"),
        ({"name": "x" * 81}, "80 characters"),
        ({"name": "Simulated 3 T"}, "has this name"),
    ],
)
def test_what_is_no_basis_is_refused(world: World, change: dict, sentence: str) -> None:
    scans.make_basis(world)
    with pytest.raises(InvalidInput) as refusal:
        add(world, **change)
    assert sentence in "".join(refusal.value.fields.values())
    assert BasisSet.objects.count() == 1


def test_simulations_are_written_in_one_way(world: World, tmp_path: Path) -> None:
    def simulated(text: str, name: str = "S") -> BasisSet:
        return bases.add_simulated(study=world.study, name=name, simulation=text, by=world.imaging_analyst)

    press, steam = simulated("press:11,24@3T", "P"), simulated("sim:steam:11,17@7T", "S")
    assert (press.simulation, press.field_tesla, press.echo_time_ms) == ("sim:press:11,24@3T", 3.0, 35.0)
    assert (steam.echo_time_ms, bases.engine_argument(steam, tmp_path)) == (11.0, "sim:steam:11,17@7T")
    steam.simulation = "steam:11,17@7T"
    assert bases.engine_argument(steam, tmp_path) == "sim:steam:11,17@7T"
    for wrong in ("press:11@3T", "laser:1,2@3T", "press:11,24@99T", "press:11,24@0T"):
        with pytest.raises(InvalidInput, match="Write the sequence like"):
            simulated(wrong, "W")
    assert BasisSet.objects.count() == 2


def test_only_reviewers_add_and_choose_the_default(world: World) -> None:
    three, seven = scans.make_basis(world), scans.make_basis(world, tesla=7, is_default=False)
    for act in (
        lambda: add(world, by=world.coordinator),
        lambda: bases.add_simulated(study=world.study, name="x", simulation="press:1,2@3T", by=world.statistician),
        lambda: bases.make_default(basis=seven, by=world.coordinator),
    ):
        with pytest.raises(NotPermitted):
            act()
    assert BasisSet.objects.count() == 2
    bases.make_default(basis=seven, by=world.imaging_analyst)
    three.refresh_from_db()
    assert (seven.is_default, three.is_default) == (True, False)


def test_the_basis_follows_the_field_strength(world: World) -> None:
    with pytest.raises(Refused, match="no basis set yet"):
        bases.choose(study=world.study, header={})
    three = scans.make_basis(world)
    assert bases.choose(study=world.study, header=scans.HEADER) == three
    seven_tesla = {"SpectrometerFrequency": [297.2], "EchoTime": 0.011}
    with pytest.raises(Refused, match=r"measured at 7\.0 T and the study has no basis set"):
        bases.choose(study=world.study, header=seven_tesla)
    seven = scans.make_basis(world, tesla=7, is_default=False)
    near = bases.add_simulated(
        study=world.study, name="near", simulation="sim:steam:11,32@7T", by=world.imaging_analyst
    )
    assert bases.choose(study=world.study, header=seven_tesla) == near
    assert bases.choose(study=world.study, header={"SpectrometerFrequency": 297.2}) in {seven, near}
    assert bases.choose(study=world.study, header={}) == three
    short = bases.add_simulated(study=world.study, name="28", simulation="press:14,14@3T", by=world.imaging_analyst)
    assert bases.choose(study=world.study, header=scans.HEADER | {"EchoTime": 0.028}) == short
    assert bases.choose(study=world.study, header=scans.HEADER | {"EchoTime": 0.144}) == three
