"""Filters, orders and searches that name a hidden path, over every path of the models to depth three."""

from collections.abc import Iterator

import pytest
from django.core.exceptions import FieldError
from django.db.models import Model

from participants.models import Participant
from ratings.models import Rating
from sessions.models import Sequence, Spectrum, StudySession, Treatment
from tests.blinding.crawl import looking
from tests.blinding.observation import Ask, Seen
from tests.blinding.report import add
from tests.factories.worlds import SEQUENCES, twin

pytestmark = [pytest.mark.blinding, pytest.mark.no_cover]

DEPTH = 3
SHOWN = (Participant, StudySession, Rating, Spectrum)
# Names of the secret that somebody would guess, though no path leads there.
GUESSED = (
    "allocation", "allocation__slot", "allocation__slot__ordinal", "allocation__slot__sealed", "allocation_set__slot",
    "allocation__slot__stratum__taken", "participant__allocation", "slot", "sequence", "treatment", "arm", "kit",
    "stratum",
)  # fmt: skip
LISTS = {"participants/": ("", "search"), "api/v1/participants/": ("", "ordering"), "api/v1/sessions/": ("", "sort")}


def paths(model: type[Model], depth: int = DEPTH, before: str = "", *, hidden: bool = False) -> Iterator[str]:
    """Yield every path of `filter` or `order_by` that ends in something hidden or goes through it."""
    for found in model._meta.get_fields():
        if getattr(found, "hidden", False):
            continue
        owner = found.related_model if found.is_relation else None
        is_secret = hidden or model._meta.label_lower.startswith("alloc") or owner in {Sequence, Treatment}
        is_secret = is_secret or (owner is not None and owner._meta.app_label.startswith("alloc"))
        if is_secret:
            yield before + found.name
        if owner is not None and depth > 1:
            yield from paths(owner, depth - 1, f"{before}{found.name}__", hidden=is_secret)


def requests() -> list[Ask]:
    """Return a request for each path: as a filter with each secret value, and as the value of the list's own word."""
    code = next(iter(SEQUENCES.values()))
    bearer = (("HTTP_AUTHORIZATION", f"Bearer {twin('base').tokens['statistician']}"),)
    asked = []
    for path in sorted({*GUESSED, *(path for model in SHOWN for path in paths(model))}):
        for address, (_, word) in LISTS.items():
            headers = bearer if address.startswith("api") else ()
            query = f"{path}={code}&{word}={path}" if headers else f"{path}={code}&{word}={code}&ordering={path}"
            asked.append(Ask("statistician", "GET", f"/{address}?{query}", headers=headers))
    return asked


def answers(name: str, asked: list[Ask]) -> list[Seen]:
    with looking(twin(name), ["statistician"]) as observer:
        return [observer.see(ask) for ask in asked]


def test_no_path_of_the_models_reaches_the_secret() -> None:
    """Its tables point at participants, and nothing points back: a filter that names them is no path at all."""
    found = {path for model in SHOWN for path in paths(model)}
    assert {"study__sequences__code", "participant__study__treatments"} <= found  # the public design is reached
    assert [path for path in found if "alloc" in path or "slot" in path] == []
    with pytest.raises(FieldError):
        Participant.objects.filter(allocation__slot__ordinal=1)


@pytest.mark.parametrize("person", ["statistician"])
def test_no_hidden_path_answers_a_question(person: str) -> None:
    """Tables refuse every one; the page of participants shows the same, whatever is asked."""
    asked = requests()
    here = answers("base", asked)
    statuses = {ask.path.startswith("/api"): set() for ask in asked}
    for ask, seen in zip(asked, here, strict=True):
        statuses[ask.path.startswith("/api")].add(seen["status"])
    assert statuses == {True: {b"400"}, False: {b"200"}}
    there = answers("swap", asked)
    differing = [ask.path for ask, one, other in zip(asked, here, there, strict=True) if one != other]
    assert differing == []
    add(f"oracle probes as {person}", len(asked))
