"""The page behind a delivery's link: the code that was read out by phone, then the treatment to its recipient."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from sessions.allocation.delivery_opening import deliver, delivered, waiting_behind
from studyportal.accounts.access import public
from studyportal.forms import carried_out, form_page
from studyportal.reports.vault_forms import DeliveryCodeForm

DELIVERED = "delivered"
"""Where the recipient's session keeps which delivery it opened; never what was told."""


@public
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def delivery(request: HttpRequest, secret: str) -> HttpResponse:
    """Ask for the code; looking uses nothing up."""
    asked = waiting_behind(secret)
    form = DeliveryCodeForm(request.POST if request.method == "POST" else None)
    opened = carried_out(form, lambda: deliver(link=secret, code=form.cleaned_data["code"]))
    if opened is None:
        return form_page(request, "reports/delivery.html", form, {"asked": asked})
    request.session[DELIVERED] = str(opened)
    return redirect("delivery-shown")


@public
@require_GET
def shown(request: HttpRequest) -> HttpResponse:
    """Show the treatment to the browser that opened it, for a few minutes."""
    told = delivered(UUID(request.session.get(DELIVERED, str(UUID(int=0)))))
    return render(request, "reports/delivered.html", {"told": told})
