"""The design of a study in set-up is written as rows and refused once anything rests on it."""

import pytest
from django.db import connection

from sessions.allocation import designs
from sessions.models import Period, Sequence, SequencePeriod, Treatment
from studyportal.errors import InvalidInput, InvalidState, NotPermitted
from studyportal.studies.models import Study
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories import lists as listed
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def treatments(k: int) -> dict[str, str]:
    return {code: f"Treatment {code}" for code in "ABCDEFGH"[:k]}


def rows(study: Study) -> tuple[int, int, int, int]:
    return (
        Treatment.objects.filter(study=study).count(), Sequence.objects.filter(study=study).count(),
        Period.objects.filter(study=study).count(), SequencePeriod.objects.filter(sequence__study=study).count(),
    )  # fmt: skip


def set_up(world: World) -> Study:
    Study.objects.filter(pk=world.study.pk).update(status=Study.Status.SETUP)
    world.study.refresh_from_db()
    return world.study


@pytest.mark.parametrize("k", range(2, 9))
def test_a_williams_design_is_written_and_balanced(world: World, k: int) -> None:
    study, sequences = set_up(world), k if k % 2 == 0 else 2 * k
    with standing_at("vault"):
        design = designs.williams_design(treatments(k))
        designs.write_design(study=study, design=design, by=world.unblinded_statistician)
        now = designs.design_of(study)
    assert rows(study) == (k, sequences, k, sequences * k)
    assert now == designs.Design(treatments(k), dict(sorted(design.sequences.items())))
    assert (now.check.faults, now.check.remarks) == ((), ())
    washouts = list(Period.objects.filter(study=study).values_list("washout_days", flat=True))
    assert washouts == [0] + [14] * (k - 1)
    assert rows(world.other_study) == (2, 2, 2, 4)


def test_a_set_of_ones_own_is_written_with_what_it_costs(world: World) -> None:
    study = set_up(world)
    with standing_at("vault"):
        design = designs.own_design(treatments(2), "first: A B B\nBAA\n\nABA: A, B; A".replace("BAA", "B A A"))
        designs.write_design(study=study, design=design, by=world.unblinded_statistician)
    assert design.sequences == {"first": ("A", "B", "B"), "BAA": ("B", "A", "A"), "ABA": ("A", "B", "A")}
    assert rows(study) == (2, 3, 3, 9)
    assert "Period 1 does not give the treatments equally often (A 2, B 1)." in design.check.remarks


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A B\nA B", "Line 2: the code AB stands twice."),
        ("A B\nx: A B", "Sequences AB and x give the same treatments."),
        ("A B\nB", "All sequences must have the same number of periods"),
        ("A B\nB C", "Sequence BC names C, which is no treatment of this study. Use A, B."),
        ("A B", "There must be at least two sequences"),
        ("", "There must be at least two sequences"),
    ],
)
def test_an_impossible_set_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        designs.own_design(treatments(2), text)
    assert "sequences" in refused.value.fields


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"A": "one"}, "offered for 2 to 8 treatments, not for 1"),
        (treatments(8) | {"I": "nine"}, "offered for 2 to 8 treatments, not for 9"),
        ({"A": "one", "": "two"}, "The code «» is not usable."),
        ({"A": "one", "TOOLONG": "two"}, "The code «TOOLONG» is not usable. Use at most 4 letters or digits."),
        ({"A": "one", "B": ""}, "The treatment B has no name."),
    ],
)
def test_impossible_treatments_are_refused_in_words(given, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        designs.williams_design(given)
    assert "treatments" in refused.value.fields


def test_codes_that_do_not_fit_are_refused(world: World) -> None:
    study = set_up(world)
    with standing_at("vault"):
        design = designs.williams_design({"PLA": "a", "NTX": "b", "LOW": "c"})
        with pytest.raises(InvalidInput, match="The code PLANTXLOW is longer than 8 characters"):
            designs.write_design(study=study, design=design, by=world.unblinded_statistician)
        too_many = designs.Design(treatments(2), {"AB": ("A", "B")})
        with pytest.raises(InvalidInput, match="at least two sequences"):
            designs.write_design(study=study, design=too_many, by=world.unblinded_statistician)
    assert rows(study) == (2, 2, 2, 4)


def test_too_many_sequences_are_refused() -> None:
    text = "\n".join(f"s{n}: {' '.join('AB'[n >> bit & 1] for bit in range(7))}" for n in range(65))
    with pytest.raises(InvalidInput, match="more than 64 sequences"):
        designs.own_design(treatments(2), text)


@pytest.mark.parametrize("fixed_by", ["status", "list", "participant"])
def test_a_design_that_something_rests_on_stays(world: World, fixed_by: str) -> None:
    words = "The study has left set-up, so its design stays as it is."
    if fixed_by == "participant":
        journey.activate_list(world)
        journey.randomized(world)
        words = "A list is generated for this design"
    if fixed_by == "list":
        with standing_at("vault"):
            listed.generated(world.study, maker=world.unblinded_statistician)
        words = "A list is generated for this design"
    if fixed_by != "status":
        set_up(world)
    with standing_at("vault"):
        assert words.startswith(designs.why_fixed(world.study)[:20])
        with pytest.raises(InvalidState, match=words):
            designs.write_design(
                study=world.study, design=designs.williams_design(treatments(3)), by=world.unblinded_statistician
            )
        with connection.cursor() as cursor:
            cursor.execute("SELECT alloc.clear_design(%s)", [world.study.pk])
            assert cursor.fetchone() == (False,)
    assert rows(world.study) == (2, 2, 2, 4)


def test_only_those_who_make_lists_write_a_design(world: World) -> None:
    study = set_up(world)
    with standing_at("vault"):
        for person in (world.pharmacist, world.coordinator):
            with pytest.raises(NotPermitted):
                designs.write_design(study=study, design=designs.williams_design(treatments(3)), by=person)
    assert rows(study) == (2, 2, 2, 4)


def test_the_page_shows_tries_and_writes_a_design(world: World, client_for) -> None:
    maker, pharmacist = client_for(world.unblinded_statistician, "vault"), client_for(world.pharmacist, "vault")
    page = maker.get("/lists/design/").content.decode()
    assert "The study has left set-up, so its design stays as it is." in page
    assert "Write this design" not in page
    typed = {"treatments": "A = Placebo\nB = Low\n\nC = High", "kind": "williams", "sequences": ""}
    assert maker.post("/lists/design/", typed | {"write": "1"}).status_code == 422
    study = set_up(world)
    assert "A = Placebo capsule" in maker.get("/lists/design/").content.decode()
    assert "A = Placebo capsule" not in pharmacist.get("/lists/design/").content.decode()
    tried = maker.post("/lists/design/", typed | {"try": "1"}).content.decode()
    assert "As typed" in tried
    assert tried.count("Balanced: every treatment stands equally often") == 2
    assert rows(study) == (2, 2, 2, 4)
    own = maker.post("/lists/design/", typed | {"kind": "own", "sequences": "A B C\nC B A", "try": "1"})
    assert "Period 1 does not give the treatments equally often (A 1, B 0, C 1)." in own.content.decode()
    for change, words in (
        ({"treatments": "A = a\nA = b"}, "The code A stands twice."),
        ({"treatments": ""}, "Name the treatments, one a line."),
        ({"kind": "own", "sequences": "A B C"}, "There must be at least two sequences"),
        ({"kind": "latin"}, "Choose one of the two."),
    ):
        answer = maker.post("/lists/design/", typed | change | {"write": "1"})
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert rows(study) == (2, 2, 2, 4)
    assert pharmacist.post("/lists/design/", typed | {"write": "1"}).status_code == 403
    written = maker.post("/lists/design/", typed | {"write": "1"}, follow=True)
    assert "The design is written." in written.content.decode()
    assert rows(study) == (3, 6, 3, 18)


def test_a_study_without_design_says_so(world: World) -> None:
    assert designs.Design({}, {}).periods == 0
