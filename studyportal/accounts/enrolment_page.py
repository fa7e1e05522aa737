"""The page behind an enrolment link: a password and an authenticator, chosen together."""

import base64

from allauth.mfa.adapter import get_adapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from studyportal.accounts import enrolment
from studyportal.accounts.access import public
from studyportal.accounts.forms import EnrolForm


@public
@sensitive_post_parameters("password", "again", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def enrol(request: HttpRequest, secret: str) -> HttpResponse:
    """Show the key and the form; looking uses nothing up. Afterwards the person signs in with both factors."""
    person = enrolment.whose(secret)
    form = EnrolForm(request.POST or None, user=person)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        enrolment.enrol(secret=secret, password=given["password"], totp_secret=form.secret, code=given["code"])
        request.session.flush()
        messages.success(request, "Your account is ready. Sign in with the password and the app's next code.")
        return redirect("account_login")
    picture = get_adapter().build_totp_svg(get_adapter().build_totp_url(person, form.secret))
    context = {
        "form": form,
        "person": person,
        # In fours, as people type it; the gaps are drawn, so that a copied key has none.
        "key_parts": [form.secret[at : at + 4] for at in range(0, len(form.secret), 4)],
        "picture": "data:image/svg+xml;base64," + base64.b64encode(picture.encode()).decode(),
    }
    return render(request, "accounts/enrol.html", context, status=422 if form.is_bound else 200)
