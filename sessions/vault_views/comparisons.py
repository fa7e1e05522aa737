"""Schemes compared by simulated trials, with a progress bar; one is chosen from here into a new list.

The simulation goes on a little with each request for its state, so that none takes long; where it stands is kept in
the session. It has nothing to do with a list's seed, and a list's page never reads it.
"""

import secrets
import time
from dataclasses import asdict
from urllib.parse import urlencode

from django import forms
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from sessions.allocation import policies
from sessions.randomization.slices import Compared, Comparison, usual_schemes
from sessions.vault_views.forms import number, typed_from
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.csp import chart_page
from studyportal.forms import form_page
from studyportal.studies.models import Study

KEPT_AS = "scheme_comparison"
LONGEST_SECONDS = 0.4
MOST_PARTICIPANTS, MOST_STRATA = 500, 40
PRECISIONS = (("250", "Quick (250 each)"), ("1000", "Usual (1,000 each)"), ("3000", "Thorough (3,000 each)"))


class ComparisonForm(forms.Form):
    """The trial to simulate; filled in from the study."""

    participants = number("Participants in the whole trial", initial=40, least=2, most=MOST_PARTICIPANTS, required=True)
    strata = number("Strata", initial=1, least=1, most=MOST_STRATA, required=True)
    runs = forms.ChoiceField(
        label="Simulated trials", choices=PRECISIONS, initial="1000", widget=forms.RadioSelect,
        error_messages={"required": "Choose how many.", "invalid_choice": "Choose one of the numbers."},
    )  # fmt: skip


@chart_page
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.LIST_GENERATE)
def compare(request: StudyRequest) -> HttpResponse:
    """Show the trial to simulate and what came of it; begin a comparison."""
    study, kept = request.study, _kept(request)
    form = ComparisonForm(request.POST if request.method == "POST" else None, initial=_initial(study, kept))
    if request.method == "POST" and form.is_valid():
        _keep(request, _begun(study, form))
        return redirect("scheme-comparison")
    if request.method == "GET" and kept and not kept.has_ended:
        _go_on(request, kept)  # without JavaScript the page itself is asked for again and again
    return form_page(request, "allocation/compare.html", form, _shown(kept))


@require_GET
@requires(Permission.LIST_GENERATE)
def state(request: StudyRequest) -> HttpResponse:
    """Go on a little, and show how far the comparison is."""
    kept = _kept(request)
    if kept and not kept.has_ended:
        _go_on(request, kept)
    answer = render(request, "allocation/_compare.html", _shown(kept))
    if kept is None or kept.has_ended:
        answer["HX-Refresh"] = "true"  # the page with its chart
    return answer


@require_GET
@requires(Permission.LIST_GENERATE)
def figure(request: StudyRequest) -> HttpResponse:
    """Return the chart: for each scheme what a guesser gets right, and beside it the imbalances."""
    kept = _kept(request)
    found = kept.compared()[::-1] if kept else []  # a chart's first row is its lowest
    names = [one.words for one in found]
    guessed = {
        "type": "bar", "orientation": "h", "meta": {"role": "a"}, "showlegend": False, "y": names,
        "x": [round(one.guessed_percent - 50, 2) for one in found], "base": 50, "width": 0.6,
        "customdata": [round(one.guessed_percent, 2) for one in found],
        "hovertemplate": "%{y}<br>guessed right %{customdata:.1f} %<extra></extra>",
    }  # fmt: skip
    return JsonResponse({
        "data": [
            guessed if kept and len(kept.sequences) == 2 else guessed | {"base": 0, "x": guessed["customdata"]},
            _dots("at the end", "circle", "b", names, [one.result.final_imbalance for one in found]),
            _dots("largest on the way", "diamond", "ink", names, [one.result.largest_imbalance for one in found]),
        ],
        "layout": {
            "xaxis": {"title": {"text": "Sequences guessed right (%)"}, "domain": [0, 0.47]},
            "xaxis2": {"title": {"text": "Imbalance (participants)"}, "domain": [0.53, 1], "rangemode": "tozero"},
            "yaxis": {"automargin": True, "ticksuffix": "  "},
            "legend": {"orientation": "h", "x": 0.53, "y": 1.12},
            "margin": {"l": 56, "r": 24, "t": 40, "b": 48},
        },
    })  # fmt: skip


def _dots(name: str, symbol: str, role: str, names: list[str], values: list[float]) -> dict[str, object]:
    return {
        "type": "scatter", "mode": "markers", "name": name, "meta": {"role": role}, "xaxis": "x2", "y": names,
        "x": [round(value, 2) for value in values], "marker": {"size": 10, "symbol": symbol},
        "hovertemplate": "%{y}<br>%{x:.1f} " + name + "<extra></extra>",
    }  # fmt: skip


def _begun(study: Study, form: ComparisonForm) -> Comparison:
    sequences = tuple(policies.sequences_of(study)) or ("AB", "BA")
    return Comparison(
        sequences=sequences,
        participants=form.cleaned_data["participants"],
        strata=form.cleaned_data["strata"],
        runs=int(form.cleaned_data["runs"]),
        seed=secrets.token_hex(16),
        schemes=usual_schemes(len(sequences), policies.levels_of(study)),
    )


def _go_on(request: StudyRequest, kept: Comparison) -> None:
    ends = time.monotonic() + LONGEST_SECONDS
    while not kept.has_ended and time.monotonic() < ends:
        kept.advance()
    _keep(request, kept)


def _kept(request: StudyRequest) -> Comparison | None:
    found = request.session.get(KEPT_AS)
    if not found or found["study"] != str(request.study.pk):
        return None
    return Comparison(**found["comparison"])


def _keep(request: StudyRequest, comparison: Comparison) -> None:
    request.session[KEPT_AS] = {"study": str(request.study.pk), "comparison": asdict(comparison)}


def _initial(study: Study, kept: Comparison | None) -> dict[str, object]:
    if kept:
        return {"participants": kept.participants, "strata": kept.strata, "runs": str(kept.runs)}
    return {
        "participants": min(max(2, study.recruitment_target), MOST_PARTICIPANTS),
        "strata": min(len(policies.strata_of(study)), MOST_STRATA),
        "runs": "1000",
    }


def _shown(kept: Comparison | None) -> dict[str, object]:
    return {
        "comparison": kept,
        "percent": 100 * kept.done // kept.whole if kept else 0,
        "rows": [(one, _choose(one, kept)) for one in kept.compared()] if kept else [],
    }


def _choose(one: Compared, kept: Comparison) -> str:
    """Return the address of a new list with this scheme typed in."""
    slots = -(-kept.participants // max(1, kept.strata)) + max(one.parameters.get("block_sizes", [4]))
    typed = typed_from(one.method.value, one.parameters, min(slots, policies.MOST_SLOTS_PER_STRATUM), "")
    return f"{reverse('list-new')}?{urlencode({k: v for k, v in typed.items() if v != ''}, doseq=True)}"
