"""Locking the study's data by two people, at the blinded door."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from studyportal.accounts import study_lock
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page
from studyportal.reports.lock_forms import AskForm, ConfirmForm
from studyportal.reports.lock_questions import open_counts, questions_of
from studyportal.studies.models import StudyLock

DONE = {
    StudyLock.Act.LOCK: "The study is locked. Its data can no longer be changed.",
    StudyLock.Act.UNLOCK: "The study is unlocked. Its data can be changed again.",
}


@require_GET
@requires(Permission.REPORT_VIEW)
def lock(request: StudyRequest) -> HttpResponse:
    """Show what is open, who has signed, and to whom it is to sign the form for it."""
    return _page(request, None)


@require_POST
@requires(Permission.STUDY_LOCK)
def ask(request: StudyRequest) -> HttpResponse:
    """Sign first."""
    form = AskForm(request.POST)
    counts = open_counts(questions_of(request.study))
    asked = carried_out(
        form,
        lambda: study_lock.ask(study=request.study, open_questions=counts, by=request.user, **form.cleaned_data),
    )
    if asked is None:
        return _page(request, form)
    messages.success(request, f"Signed. An investigator confirms to {asked.act} the study.")
    return redirect("study-lock")


@require_POST
@requires(Permission.STUDY_LOCK_CONFIRM)
def confirm(request: StudyRequest, act_id: UUID) -> HttpResponse:
    """Sign second; the study is locked, or unlocked."""
    form = ConfirmForm(request.POST)
    counts = open_counts(questions_of(request.study))
    done = carried_out(
        form,
        lambda: study_lock.confirm(
            study=request.study, act_id=act_id, open_questions=counts, by=request.user, **form.cleaned_data
        ),
    )
    if done is None:
        return _page(request, form)
    messages.success(request, DONE[StudyLock.Act(done.act)])
    return redirect("study-lock")


@require_POST
@requires(Permission.STUDY_LOCK)
def withdraw(request: StudyRequest, act_id: UUID) -> HttpResponse:
    """Take back what waits for the second signature."""
    study_lock.withdraw(study=request.study, act_id=act_id, by=request.user)
    messages.success(request, "Withdrawn. Nothing was changed.")
    return redirect("study-lock")


def _page(request: StudyRequest, form: AskForm | ConfirmForm | None) -> HttpResponse:
    waiting, questions = study_lock.open_act(request.study), questions_of(request.study)
    may_confirm = Permission.STUDY_LOCK_CONFIRM in request.permissions
    context = {
        "questions": questions, "open": open_counts(questions), "waiting": waiting,
        "acts": study_lock.acts_of(request.study), "act": study_lock.next_act(request.study),
        "may_ask": Permission.STUDY_LOCK in request.permissions and waiting is None,
        "may_confirm": may_confirm and waiting is not None,
        "may_withdraw": Permission.STUDY_LOCK in request.permissions and waiting is not None,
    }  # fmt: skip
    return form_page(request, "reports/lock.html", form or (ConfirmForm() if waiting else AskForm()), context)
