"""The analysis protocol: what it says now, its history, a new version, the signature."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from participants.forms import SignForm
from sessions.analysis_protocols import changes_of, overview_for, protocol_for, sets_of, terms_to_start_from
from sessions.models import AnalysisProtocol, BasisSet
from sessions.protocol_forms import DraftForm
from sessions.requantifications import batches_of, repeatable
from sessions.services import analysis_protocols as service
from sessions.services import requantification
from sessions.tasks import enqueue_batch
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidState
from studyportal.forms import carried_out, form_page

GET_OR_POST = ("GET", "HEAD", "POST")


@requires(Permission.PROTOCOL_VIEW)
@require_safe
def protocol(request: StudyRequest) -> HttpResponse:
    """Show the protocol that new runs use, and every version."""
    context = {
        "overview": overview_for(request.user, request.study),
        "batches": batches_of(request.study),
        "is_locked": request.study.status == request.study.Status.LOCKED,
        "may_draft": Permission.PROTOCOL_DRAFT in request.permissions,
        "may_sign": Permission.PROTOCOL_SIGN in request.permissions,
        "may_see_quality": Permission.SPECTRUM_QUALITY_VIEW in request.permissions,
    }
    return render(request, "sessions/protocol.html", context)


@requires(Permission.PROTOCOL_DRAFT)
@require_http_methods(GET_OR_POST)
def draft(request: StudyRequest) -> HttpResponse:
    """Write a new version."""
    study = request.study
    signed = service.signed_of(study)
    form = DraftForm(
        request.POST or None, bases=sets_of(study, BasisSet.Kind.METABOLITES),
        measured=sets_of(study, BasisSet.Kind.MACROMOLECULES), start=terms_to_start_from(study),
        is_closed=signed is not None,
    )  # fmt: skip

    def act() -> AnalysisProtocol:
        given = form.cleaned_data
        return service.draft(
            study=study, terms=form.terms(), reason=given["reason"], is_exploratory=given["is_exploratory"],
            by=request.user,
        )  # fmt: skip

    if request.method == "POST" and (made := carried_out(form, act)) is not None:
        messages.success(request, f"Version {made.version} is saved.")
        return redirect("analysis-protocol-version", made.version)
    return form_page(request, "sessions/protocol_draft.html", form, {"signed": signed})


@requires(Permission.PROTOCOL_VIEW)
@require_safe
def version(request: StudyRequest, version: int) -> HttpResponse:
    """Show one version with what it changed, and what can be done with it."""
    return _version_page(request, version, SignForm())


@requires(Permission.PROTOCOL_SIGN)
@require_POST
def sign(request: StudyRequest, version: int) -> HttpResponse:
    """Approve and freeze a version with the password."""
    found = protocol_for(request.user, request.study, version)
    form = SignForm(request.POST)

    def act() -> AnalysisProtocol:
        return service.sign(protocol=found, password=form.cleaned_data["password"], by=request.user)

    if carried_out(form, act) is not None:
        messages.success(request, f"Version {version} is signed and frozen.")
        return redirect("analysis-protocol")
    return _version_page(request, version, form)


@requires(Permission.QUANTIFICATION_REPEAT)
@require_POST
def requantify(request: StudyRequest, version: int) -> HttpResponse:
    """Quantify every stored spectrum again under one version."""
    found = protocol_for(request.user, request.study, version)
    try:
        batch = requantification.start(protocol=found, by=request.user)
    except InvalidState as refusal:
        messages.error(request, refusal.message)
        return redirect("analysis-protocol-version", version)
    enqueue_batch()
    return redirect("requantification", batch.pk)


def _version_page(request: StudyRequest, version: int, form: SignForm) -> HttpResponse:
    found = protocol_for(request.user, request.study, version)
    signed = service.signed_of(request.study)
    is_locked = request.study.status == request.study.Status.LOCKED
    context = {
        "protocol": found, "rows": service.terms_of(found).rows(), "changes": changes_of(found), "signed": signed,
        "meaning": service.MEANING, "is_locked": is_locked,
        "may_sign": Permission.PROTOCOL_SIGN in request.permissions
        and not (is_locked or signed or found.is_exploratory),
        "may_repeat": Permission.QUANTIFICATION_REPEAT in request.permissions and not is_locked,
        "repeatable": repeatable(request.user, found),
    }  # fmt: skip
    return form_page(request, "sessions/protocol_version.html", form, context)
