"""Basis sets of the study: the list, one set with its small spectra, a new one, the default."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sessions import basis_rows
from sessions.models import BasisSet
from sessions.services import bases as service
from sessions.services import basis_library as library
from sessions.spectra import bases_of, basis_for
from sessions.spectrum_forms import BasisForm
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.forms import carried_out, form_page


@requires(Permission.SPECTRUM_QUALITY_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def bases(request: StudyRequest) -> HttpResponse:
    """List the basis sets; reviewers of fits add one."""
    form = BasisForm(request.POST, request.FILES) if request.method == "POST" else BasisForm()
    if request.method == "POST":
        check(request.user, Permission.QUANTIFICATION_REVIEW, request.study)
        added = carried_out(form, lambda: _add(request, form))
        if added is not None:
            messages.success(request, f"{added.name} is added.")
            return redirect("basis", added.pk)
    context = {
        "bases": bases_of(request.study), "may_add": Permission.QUANTIFICATION_REVIEW in request.permissions
    }  # fmt: skip
    return form_page(request, "sessions/bases.html", form, context)


@requires(Permission.SPECTRUM_QUALITY_VIEW)
@require_safe
def basis(request: StudyRequest, basis_id: uuid.UUID) -> HttpResponse:
    """Show what a set holds, which of the study's data it suits and where it is used."""
    found = basis_for(request.study, basis_id)
    context = {
        "basis": found, "pictures": basis_rows.pictures(library.preview_of(found)),
        "width_hz": 1 / found.dwell_time_s if found.dwell_time_s else None,
        "suits": basis_rows.suits(request.user, found), "uses": basis_rows.uses_of(found),
        "may_add": Permission.QUANTIFICATION_REVIEW in request.permissions,
    }  # fmt: skip
    return render(request, "sessions/basis.html", context)


@requires(Permission.QUANTIFICATION_REVIEW)
@require_POST
def look(request: StudyRequest, basis_id: uuid.UUID) -> HttpResponse:
    """Draw the small spectra of a set that nobody looked into yet."""
    found = library.look_into(basis=basis_for(request.study, basis_id), by=request.user)
    return redirect("basis", found.pk)


@requires(Permission.QUANTIFICATION_REVIEW)
@require_POST
def make_default(request: StudyRequest, basis_id: uuid.UUID) -> HttpResponse:
    """Use a basis for every new run whose field strength it has."""
    basis = service.make_default(basis=basis_for(request.study, basis_id), by=request.user)
    messages.success(request, f"New runs use {basis.name}, where the field strength agrees.")
    return redirect("bases")


def _add(request: StudyRequest, form: BasisForm) -> BasisSet:
    given = form.cleaned_data
    if not given["file"]:
        return service.add_simulated(
            study=request.study, name=given["name"], simulation=given["simulation"], by=request.user
        )
    files = [library.Part(filename=file.name, content=file.read()) for file in given["file"]]
    return library.add(
        study=request.study, name=given["name"], files=files, kind=given["kind"] or BasisSet.Kind.METABOLITES,
        echo_time_ms=given["echo_time_ms"], by=request.user,
    )  # fmt: skip
