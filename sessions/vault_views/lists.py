"""Lists: all of them, one with its checks, a new one, approval and closing."""

from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sessions.allocation import examination, policies, services
from sessions.allocation.selectors import list_for, lists_for
from sessions.randomization.comparison import Scheme, compare, scheme
from sessions.vault_views.forms import CloseForm, NewListForm, PasswordForm
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.step_up import steps_up
from studyportal.forms import carried_out, form_page


@require_GET
@requires(Permission.LIST_VIEW)
def all_lists(request: StudyRequest) -> HttpResponse:
    """Show the study's lists."""
    can_generate = Permission.LIST_GENERATE in request.permissions
    context = {"lists": lists_for(request.user, request.study), "can_generate": can_generate}
    return render(request, "allocation/lists.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.LIST_GENERATE)
def new_list(request: StudyRequest) -> HttpResponse:
    """Show the form and how the methods compare; make a list from it."""
    sequences, strata = policies.sequences_of(request.study), policies.strata_of(request.study)
    # Typed values come back in the address when the methods are compared once more.
    data = request.POST if request.method == "POST" else (request.GET or None)
    form = NewListForm(data, sequences=sequences)
    if request.method == "POST":
        made = carried_out(
            form,
            lambda: services.create_list(
                study=request.study, method=form.chosen_method, parameters=form.parameters, strata=strata,
                slots_per_stratum=form.cleaned_data["slots_per_stratum"], by=request.user,
            ),
        )  # fmt: skip
        if made is not None:
            messages.success(request, "The list is made and sealed. A second person must approve it before it is used.")
            return redirect("list", pk=made.pk)
    context = {"strata": strata, "sequences": sequences, **_comparison(form, sequences)}
    return form_page(request, "allocation/list_new.html", form, context)


@require_GET
@requires(Permission.LIST_VIEW)
@steps_up
def one_list(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Show a list with the facts on which it is approved."""
    return _list_page(request, pk)


@require_POST
@requires(Permission.LIST_APPROVE)
@steps_up
def approve(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Approve a list that somebody else made."""
    made = list_for(request.user, request.study, pk)
    form = PasswordForm(request.POST)
    approved = carried_out(
        form,
        lambda: examination.sign_approval(made=made, password=form.cleaned_data["password"], by=request.user),
    )
    if approved is None:
        return _list_page(request, pk, approve_form=form)
    messages.success(request, "The list is approved and active. Participants can be randomized from it now.")
    return redirect("list", pk=pk)


@require_POST
@requires(Permission.LIST_APPROVE)
@steps_up
def close(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Close a list for good."""
    list_for(request.user, request.study, pk)
    form = CloseForm(request.POST)
    closed = carried_out(form, lambda: services.close_list(list_id=pk, by=request.user, **form.cleaned_data))
    if closed is None:
        return _list_page(request, pk, close_form=form)
    messages.success(request, "The list is closed. Nothing is allocated from it any more.")
    return redirect("list", pk=pk)


def _list_page(
    request: StudyRequest, pk: UUID, *, approve_form: Form | None = None, close_form: Form | None = None
) -> HttpResponse:
    made = list_for(request.user, request.study, pk)
    refused = next((form for form in (approve_form, close_form) if form is not None), PasswordForm())
    facts = examination.examine(made, by=request.user)
    context = {
        "list": made,
        "facts": facts,
        "is_own": made.generated_by_id == request.user.pk,
        "approve_form": approve_form or PasswordForm(auto_id="approve_%s"),
        "close_form": close_form or CloseForm(auto_id="close_%s"),
        "settings": examination.settings_of(made, facts, by=request.user),
    }
    return form_page(request, "allocation/list.html", refused, context)


def _comparison(form: NewListForm, sequences: list[str]) -> dict[str, object]:
    """Return the methods compared over the slots that are typed, and the typed one; shares are for two sequences."""
    if len(sequences) != 2:
        return {"schemes": [], "allocations": 0}
    is_typed = form.is_bound and form.is_valid()
    allocations = form.cleaned_data["slots_per_stratum"] if is_typed else form.fields["slots_per_stratum"].initial
    typed: Scheme | None = scheme(form.chosen_method, form.parameters, allocations) if is_typed else None
    return {"schemes": compare(allocations), "typed": typed, "allocations": allocations}
