"""Lists: all of them, a new one, and the settings of a draft."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from sessions.allocation import generation, policies, taking_in
from sessions.allocation.examination import warnings_for
from sessions.allocation.selectors import list_for, lists_for
from sessions.allocation.watching import watch
from sessions.randomization import Method
from sessions.randomization.comparison import Scheme, compare, scheme
from sessions.randomization.uploaded import Fault
from sessions.vault_views.forms import NewListForm, typed_from
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page
from studyportal.studies.models import Study

KEPT = "The settings are kept as a draft. Nothing is drawn yet."
SEALED = "The list is taken in and sealed. Lock your own file away or destroy it."


@require_GET
@requires(Permission.LIST_VIEW)
def all_lists(request: StudyRequest) -> HttpResponse:
    """Show the study's lists."""
    watch(request.study)
    can_generate = Permission.LIST_GENERATE in request.permissions
    context = {"lists": lists_for(request.user, request.study), "can_generate": can_generate}
    return render(request, "allocation/lists.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.LIST_GENERATE)
def new_list(request: StudyRequest) -> HttpResponse:
    """Show the form and how the methods compare; keep a draft of it, or take in an uploaded list."""
    study = request.study
    faults: list[Fault] = []
    # Typed values come back in the address when the methods are compared once more, or chosen from the comparison.
    data = request.POST if request.method == "POST" else (request.GET or None)
    form = _form(study, data, request.FILES or None)
    if request.method == "POST":
        made = carried_out(form, lambda: _kept(request, form, faults))
        if made is not None:
            return redirect("list", pk=made)
    return form_page(request, "allocation/list_new.html", form, _around(study, form) | {"faults": faults})


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.LIST_GENERATE)
def change_settings(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Show a draft's settings; keep others."""
    made = list_for(request.user, request.study, pk)
    typed = typed_from(made.method, made.parameters, made.slots_per_stratum, made.generator)
    form = _form(request.study, request.POST if request.method == "POST" else None, None, typed)
    if request.method == "POST":
        kept = carried_out(
            form, lambda: generation.change_draft(list_id=made.pk, settings=form.settings, by=request.user)
        )  # fmt: skip
        if kept is not None:
            messages.success(request, KEPT)
            return redirect("list", pk=pk)
    return form_page(request, "allocation/list_new.html", form, _around(request.study, form) | {"list": made})


def _form(study: Study, data: object, files: object, initial: dict[str, Any] | None = None) -> NewListForm:
    return NewListForm(
        data,
        files,
        sequences=policies.sequences_of(study),
        levels=policies.levels_of(study),
        initial=initial,
        takes_files=initial is None,
    )


def _kept(request: StudyRequest, form: NewListForm, faults: list[Fault]) -> UUID:
    """Keep a draft or take in the uploaded list; what is wrong with the list is added to `faults`."""
    settings = form.settings
    if settings.method is not Method.UPLOADED_LIST:
        made = generation.draft_list(study=request.study, settings=settings, by=request.user)
        messages.success(request, KEPT)
        return made.pk
    taking_in.announce_taking_in(request.study, "uploaded list")
    try:
        made = taking_in.take_in_upload(
            study=request.study, content=form.cleaned_data["file"].read(), generator=settings.generator, by=request.user
        )
    except taking_in.ListFaults as refusal:
        faults += refusal.faults
        raise
    messages.success(request, SEALED)
    return made.pk


def _around(study: Study, form: NewListForm) -> dict[str, object]:
    """Return what stands beside the form: strata, sequences, warnings, and the methods compared."""
    sequences, is_typed = policies.sequences_of(study), form.is_bound and form.is_valid()
    warnings: tuple[str, ...] = ()
    if is_typed:
        settings = form.settings
        warnings = warnings_for(study, settings.method, dict(settings.parameters), settings.slots_per_stratum)
    return {
        "strata": policies.strata_of(study),
        "sequences": sequences,
        "expected": policies.expected_in(study),
        "warnings": warnings,
        **_comparison(form, sequences, is_typed=is_typed),
    }


def _comparison(form: NewListForm, sequences: list[str], *, is_typed: bool) -> dict[str, object]:
    """Return the methods compared over the slots that are typed, and the typed one; shares are for two sequences."""
    if len(sequences) != 2:
        return {"schemes": [], "allocations": 0}
    settings = form.settings if is_typed else None
    allocations = (settings.slots_per_stratum if settings else 0) or form.fields["slots_per_stratum"].initial
    typed: Scheme | None = None
    if settings and settings.method.is_drawn_from_seed and not settings.parameters.get("ratio"):
        typed = scheme(settings.method, settings.parameters, allocations)
    return {"schemes": compare(allocations), "typed": typed, "allocations": allocations}
