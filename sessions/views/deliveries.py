"""Emergency unblinding as the blinded door knows it: asked for a colleague, and whether it was delivered."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from participants.selectors import participant_for
from sessions.allocation.delivery import Asked, ask_for_delivery, deliveries_for
from sessions.delivery_forms import DeliveryForm
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidInput, NotFound
from studyportal.forms import carried_out, form_page

CODES = "delivery_codes"
"""Where the sign-in keeps the codes that its person is to read out, until the link is opened or lapses."""


@require_GET
@requires(Permission.UNBLINDING_NOTICE_VIEW)
def deliveries(request: StudyRequest) -> HttpResponse:
    """Show what was asked for and whether it was delivered; to whoever asked, the code to read out."""
    codes = request.session.get(CODES, {})
    rows = deliveries_for(request.user, request.study)
    lines = [(row, codes.get(str(row.request_id), "") if row.is_waiting else "") for row in rows]
    return render(request, "sessions/deliveries.html", {"lines": lines})


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.DELIVERY_REQUEST)
def ask(request: StudyRequest) -> HttpResponse:
    """Ask for a colleague."""
    form = DeliveryForm(request.POST if request.method == "POST" else None)
    asked = carried_out(form, lambda: _asked(request, form))
    if asked is None:
        return form_page(request, "sessions/delivery_ask.html", form)
    request.session[CODES] = {**request.session.get(CODES, {}), str(asked.request.pk): asked.code}
    messages.success(request, f"The link is on its way to {asked.request.recipient_name}. Phone and read the code out.")
    return redirect("deliveries")


def _asked(request: StudyRequest, form: DeliveryForm) -> Asked:
    said = dict(form.cleaned_data)
    number = said.pop("participant").strip().upper()
    try:
        participant = participant_for(request.user, request.study, number)
    except NotFound as missing:
        raise InvalidInput(missing.message, fields={"participant": missing.message}) from None
    return ask_for_delivery(participant=participant, by=request.user, **said)
