"""One list: its stages, its checks, and the steps that bring it from one state to the next."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from sessions.allocation import examination, generation, life, reports, taking_in
from sessions.allocation.publication import published_root_of
from sessions.allocation.selectors import list_for
from sessions.allocation.stages import due_for, stages_of
from sessions.vault_views.forms import CloseForm, PasswordForm, StepForm, TakeInForm
from sessions.views.downloads import attachment
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.step_up import steps_up
from studyportal.forms import carried_out, form_page


@require_GET
@requires(Permission.LIST_VIEW)
@steps_up
def one_list(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Show a list: where it stands, what is due, and the facts on which it is accepted and approved."""
    return _page(request, pk)


@require_POST
@requires(Permission.LIST_GENERATE)
def generate(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Generate a draft at this door."""
    return _step(
        request, pk, StepForm(request.POST), "step",
        lambda: generation.generate(list_id=pk, by=request.user),
        done="The list is made and sealed. Read its checks and sign the acceptance report.",
    )  # fmt: skip


@require_POST
@requires(Permission.LIST_GENERATE)
def take_in(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Take in the file of the offline command."""
    list_for(request.user, request.study, pk)
    form = TakeInForm(request.POST, request.FILES, auto_id="take_in_%s")

    def taken_in() -> object:
        taking_in.announce_taking_in(request.study, "file of the offline command")
        return taking_in.take_in(list_id=pk, content=form.cleaned_data["file"].read(), by=request.user)

    return _step(
        request, pk, form, "take_in", taken_in,
        done="The list is taken in and sealed. Destroy the file now, then sign the acceptance report.",
    )  # fmt: skip


@require_GET
@requires(Permission.LIST_GENERATE)
def settings_file(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Hand out what the offline command needs; no secret is in it."""
    made = list_for(request.user, request.study, pk)
    name = f"{request.study.code}_list-{made.position}_settings.json"
    return attachment(taking_in.settings_file(made, by=request.user), name, "application/json")


@require_POST
@requires(Permission.LIST_GENERATE)
@steps_up
def accept(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Sign the acceptance report."""
    made, form = list_for(request.user, request.study, pk), PasswordForm(request.POST, auto_id="accept_%s")
    return _step(
        request, pk, form, "accept",
        lambda: examination.sign_acceptance(made=made, password=form.cleaned_data["password"], by=request.user),
        done="The acceptance report is signed. A second person must approve the list now.",
    )  # fmt: skip


@require_GET
@requires(Permission.LIST_GENERATE)
@steps_up
def report(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Hand out the signed acceptance report as PDF."""
    made = list_for(request.user, request.study, pk)
    name = f"{request.study.code}_list-{made.position}_acceptance.pdf"
    return attachment(reports.acceptance_pdf(made, by=request.user), name, "application/pdf")


@require_POST
@requires(Permission.LIST_APPROVE)
@steps_up
def approve(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Approve a list that somebody else made and accepted."""
    made, form = list_for(request.user, request.study, pk), PasswordForm(request.POST, auto_id="approve_%s")
    return _step(
        request, pk, form, "approve",
        lambda: examination.sign_approval(made=made, password=form.cleaned_data["password"], by=request.user),
        done="The list is approved. Publish its commitment before it is opened.",
    )  # fmt: skip


@require_POST
@requires(Permission.LIST_APPROVE)
def publish(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Publish the commitment."""
    form = PasswordForm(request.POST, auto_id="publish_%s")
    return _step(
        request, pk, form, "publish", lambda: life.publish(list_id=pk, by=request.user, **form.cleaned_data),
        done="The commitment is published. Open the list for allocation when its root is filed.",
    )  # fmt: skip


@require_POST
@requires(Permission.LIST_APPROVE)
def activate(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Open the list for allocation."""
    list_for(request.user, request.study, pk)
    return _step(
        request, pk, StepForm(request.POST), "step", lambda: life.activate(list_id=pk, by=request.user),
        done="The list is open. Participants are randomized from it now, after any earlier list is used up.",
    )  # fmt: skip


@require_POST
@requires(Permission.LIST_APPROVE)
@steps_up
def close(request: StudyRequest, pk: UUID) -> HttpResponse:
    """Close a list for good."""
    list_for(request.user, request.study, pk)
    form = CloseForm(request.POST, auto_id="close_%s")
    return _step(
        request, pk, form, "close", lambda: life.close_list(list_id=pk, by=request.user, **form.cleaned_data),
        done="The list is closed. Nothing is allocated from it any more.",
    )  # fmt: skip


def _step(
    request: StudyRequest, pk: UUID, form: Form, kind: str, act: Callable[[], object], *, done: str
) -> HttpResponse:  # fmt: skip
    """Carry out a step, or show the page again with the form that was refused."""
    list_for(request.user, request.study, pk)
    if carried_out(form, act) is None:
        return _page(request, pk, refused={kind: form})
    messages.success(request, done)
    return redirect("list", pk=pk)


def _page(request: StudyRequest, pk: UUID, *, refused: dict[str, Form] | None = None) -> HttpResponse:
    made = list_for(request.user, request.study, pk)
    forms: dict[str, Form] = {
        "accept": PasswordForm(auto_id="accept_%s"),
        "approve": PasswordForm(auto_id="approve_%s"),
        "publish": PasswordForm(auto_id="publish_%s"),
        "close": CloseForm(auto_id="close_%s"),
        "take_in": TakeInForm(auto_id="take_in_%s"),
        "step": StepForm(),
    } | (refused or {})
    facts = examination.examine(made, by=request.user) if made.sealed_seed is not None else None
    makes_lists = Permission.LIST_GENERATE in request.permissions
    context = {
        "list": made,
        "stages": stages_of(made),
        "due": due_for(request.user, made),
        "publication": published_root_of(made),
        "facts": facts,
        "forms": forms,
        "makes_lists": makes_lists,
        "settings": reports.settings_of(made, facts, by=request.user),
    }
    return form_page(request, "allocation/list.html", next(iter((refused or forms).values())), context)
