"""The comparison of schemes: prefilled from the study, with progress, and one chosen from it into a new list."""

import re
from html import unescape

import pytest

from sessions.vault_views import comparisons
from studyportal.accounts.roles import Role
from studyportal.studies.models import Study
from tests.factories.people import make_member
from tests.factories.world import World

pytestmark = pytest.mark.django_db

SMALL = {"participants": "12", "strata": "2", "runs": "250"}


@pytest.fixture
def maker(world: World, client_for, monkeypatch):
    # A slice a request: what is shown then does not depend on the machine.
    monkeypatch.setattr(comparisons, "LONGEST_SECONDS", -1.0)

    def one_slice(request, kept) -> None:
        kept.advance()
        comparisons._keep(request, kept)

    monkeypatch.setattr(comparisons, "_go_on", one_slice)
    return client_for(world.unblinded_statistician, "vault")


def test_the_form_is_prefilled_from_the_study(maker) -> None:
    text = maker.get("/lists/compare/").content.decode()
    assert 'name="participants" value="26"' in text
    assert 'name="strata" value="4"' in text
    assert "<progress" not in text
    assert maker.get("/lists/compare/figure.json").json()["data"][1]["x"] == []
    assert maker.get("/lists/compare/state/")["HX-Refresh"] == "true"


def test_progress_moves_with_each_request_with_and_without_scripts(maker) -> None:
    assert maker.post("/lists/compare/", SMALL).status_code == 302
    first = maker.get("/lists/compare/").content.decode()
    assert '<progress max="2500" value="25"' in first
    assert '<noscript><meta http-equiv="refresh" content="1"></noscript>' in first
    second = maker.get("/lists/compare/state/")
    assert "50 of 2500 trials simulated (2 %)." in second.content.decode()
    assert "HX-Refresh" not in second
    assert 'hx-get="/lists/compare/state/"' in second.content.decode()
    assert '<progress max="2500" value="75"' in maker.get("/lists/compare/").content.decode()


def test_the_end_shows_table_chart_and_choices(maker, world: World, monkeypatch) -> None:
    monkeypatch.undo()
    maker.post("/lists/compare/", SMALL)
    for _ in range(200):
        if maker.get("/lists/compare/state/").get("HX-Refresh"):
            break
    text = maker.get("/lists/compare/").content.decode()
    assert "12 participants, 2 strata, 2 sequences, 250 trials each" in text
    assert 'http-equiv="refresh"' not in text
    assert 'data-figure-url="/lists/compare/figure.json"' in text
    figure = maker.get("/lists/compare/figure.json").json()
    assert len(figure["data"][0]["y"]) == 10
    assert figure["data"][0]["y"][-1] == "Simple"
    assert abs(figure["data"][0]["customdata"][-1] - 50) < 5
    links = {words: unescape(link) for link, words in re.findall(
        r'href="(/lists/new/\?[^"]+)">Choose<span class="govuk-visually-hidden"> ([^<]+)<', text)}  # fmt: skip
    assert len(links) == 10
    for words, checked, value in (
        ("Blocks of 4 or 6 at random", "permuted_blocks", 'value="4, 6"'),
        ("Big stick, imbalance at most 2", "big_stick", 'name="tolerance" value="2"'),
        ("Minimization, biased coin 0.8", "minimization", 'name="probability" value="0.8"'),
        ("Simple", "simple", 'name="slots_per_stratum" value="10"'),
    ):
        chosen = maker.get(links[words])
        assert chosen.status_code == 200
        page = chosen.content.decode()
        assert re.search(rf'value="{checked}" id="id_method_\d" checked', page)
        assert value in page
    again = maker.get("/lists/compare/").content.decode()
    assert 'name="participants" value="12"' in again


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"participants": "1"}, "Enter 2 or more."),
        ({"participants": "501"}, "Enter 500 or less."),
        ({"participants": "many"}, "Enter a whole number, such as 40."),
        ({"participants": ""}, "Enter a whole number, such as 40."),
        ({"strata": "0"}, "Enter 1 or more."),
        ({"strata": "41"}, "Enter 40 or less."),
        ({"runs": "7"}, "Choose one of the numbers."),
        ({"runs": ""}, "Choose how many."),
    ],
)
def test_an_impossible_trial_is_refused_and_begins_nothing(maker, change, words: str) -> None:
    answer = maker.post("/lists/compare/", SMALL | change)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert maker.session.get("scheme_comparison") is None


def test_more_sequences_are_compared_on_their_own_scale(maker, world: World) -> None:
    from sessions.allocation import designs
    from tests.conftest import standing_at

    Study.objects.filter(pk=world.study.pk).update(status=Study.Status.SETUP)
    with standing_at("vault"):
        three = designs.williams_design({"A": "a", "B": "b", "C": "c"})
        designs.write_design(study=world.study, design=three, by=world.unblinded_statistician)
    maker.post("/lists/compare/", SMALL)
    maker.get("/lists/compare/")
    figure = maker.get("/lists/compare/figure.json").json()
    assert figure["data"][0]["base"] == 0


def test_another_study_begins_anew(maker, world: World, client_for) -> None:
    maker.post("/lists/compare/", SMALL)
    other = client_for(make_member("stranger", Role.UNBLINDED_STATISTICIAN, world.other_study), "vault")
    assert "<progress" not in other.get("/lists/compare/").content.decode()
