"""Account pages: one's own account, the choice of study, API tokens, the team and sign-out."""

from uuid import UUID

from allauth.account import views as account
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from studyportal import clock
from studyportal.accounts import team as team_services
from studyportal.accounts import tokens
from studyportal.accounts.access import StudyRequest, members_only, requires, signed_in
from studyportal.accounts.forms import RoleForm, TokenForm, show_refusal
from studyportal.accounts.middleware import STUDY_KEY
from studyportal.accounts.roles import DESCRIPTIONS, Permission
from studyportal.accounts.selectors import check, studies_of, team_of, tokens_of
from studyportal.accounts.step_up import steps_up
from studyportal.errors import InvalidInput

GET_OR_POST = ["GET", "HEAD", "POST"]


@signed_in
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """Sign out, and let the browser forget what it kept of this door.

    Cookies are left out of the header on purpose: they belong to the host, so the other door's would go as well.
    """
    response: HttpResponseBase = account.logout(request)
    if request.method == "POST":
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@signed_in
@require_GET
def own_account(request: HttpRequest) -> HttpResponse:
    """Show who one is here, and what one can change about it."""
    roles = [(role.label.capitalize(), DESCRIPTIONS[role]) for role in sorted(getattr(request, "roles", ()))]
    permission = tokens.export_permission(settings.PORTAL_DOOR)
    context = {
        "own_roles": roles,
        "has_second_factor": is_mfa_enabled(request.user),
        "may_export": permission in getattr(request, "permissions", ()),
    }
    return render(request, "accounts/account.html", context)


@signed_in
@require_http_methods(GET_OR_POST)
def choose_study(request: StudyRequest) -> HttpResponse:
    """Let a member of several studies pick one for this sign-in."""
    studies = list(studies_of(request.user))
    context = {"studies": studies, "picked": request.session.get(STUDY_KEY)}
    if request.method == "POST":
        chosen = next((study for study in studies if str(study.pk) == request.POST.get("study")), None)
        if chosen is not None:
            request.session[STUDY_KEY] = str(chosen.pk)
            return redirect("/")
        return render(request, "accounts/choose_study.html", {**context, "error": "Choose a study."}, status=422)
    return render(request, "accounts/choose_study.html", context)


@members_only
@require_http_methods(GET_OR_POST)
@steps_up
def own_tokens(request: StudyRequest) -> HttpResponse:
    """List one's own tokens of this door and make new ones.

    A new secret is in this one answer and nowhere else: not in the session, which lies in the database.
    """
    check(request.user, tokens.export_permission(settings.PORTAL_DOOR), request.study)
    form = TokenForm(request.POST or None)
    secret, status = None, 200
    if request.method == "POST":
        secret = _issued(request, form)
        status = 200 if secret else 422
    context = {
        "form": TokenForm() if secret else form,
        "tokens": tokens_of(request.user, request.study, settings.PORTAL_DOOR),
        "secret": secret,
        "now": clock.now(),
    }
    return render(request, "accounts/tokens.html", context, status=status)


def _issued(request: StudyRequest, form: TokenForm) -> str | None:
    """Return the secret of a new token, or None with the refusal on the form."""
    if form.is_valid():
        try:
            _, secret = tokens.issue(
                study=request.study, door=settings.PORTAL_DOOR, by=request.user, **form.cleaned_data
            )
        except InvalidInput as error:
            show_refusal(form, error.message, error.fields)
        else:
            return secret
    return None


@members_only
@require_POST
def revoke_token(request: StudyRequest, prefix: str) -> HttpResponseRedirect:
    """Revoke one's own token; scripts that use it get 401 from now on."""
    tokens.revoke(prefix=prefix, by=request.user)
    messages.success(request, "The token is revoked. Scripts that use it are refused from now on.")
    return redirect("tokens")


@requires(Permission.TEAM_MANAGE)
@require_http_methods(GET_OR_POST)
def team(request: StudyRequest) -> HttpResponse:
    """List who holds which role, and give a role."""
    form = RoleForm(request.POST or None, study=request.study)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = team_services.give_role(
                study=request.study, username=given["username"], role=given["role"], site_code=given["site"],
                by=request.user,
            )  # fmt: skip
        except InvalidInput as error:
            show_refusal(form, error.message, error.fields)
        else:
            messages.success(request, f"{made.user.full_name} is now {made.get_role_display()}.")
            return redirect("team")
    context = {"form": form, "team": team_of(request.user, request.study), "now": clock.now()}
    return render(request, "accounts/team.html", context, status=422 if request.method == "POST" else 200)


@requires(Permission.TEAM_MANAGE)
@require_POST
def end_role(request: StudyRequest, membership_id: UUID) -> HttpResponseRedirect:
    """End a role now."""
    ended = team_services.end_role(study=request.study, membership_id=membership_id, by=request.user)
    messages.success(request, f"{ended.user.full_name} is no longer {ended.get_role_display()}.")
    return redirect("team")
