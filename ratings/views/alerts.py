"""Safety alerts of item 10, for investigators."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from ratings.forms import AcknowledgeForm
from ratings.models import SafetyAlert
from ratings.selectors import alert_for, alerts_for
from ratings.services import alerts as services
from studyportal import clock
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidInput

ESCALATED_AFTER_MINUTES = 15


@requires(Permission.SAFETY_ACKNOWLEDGE)
@require_GET
def alerts(request: StudyRequest) -> HttpResponse:
    """Show the alerts of the viewer's sites, those that wait first."""
    return _alerts_page(request)


@requires(Permission.SAFETY_ACKNOWLEDGE)
@require_POST
def acknowledge(request: StudyRequest, alert_id: UUID) -> HttpResponse:
    """Record what was done about an alert."""
    alert = alert_for(request.user, request.study, alert_id)
    form = AcknowledgeForm(request.POST, prefix=str(alert.pk))
    if form.is_valid():
        try:
            services.acknowledge(alert=alert, action=form.cleaned_data["action"], by=request.user)
        except InvalidInput as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Acknowledged. What was done is on record.")
            return redirect("safety-alerts")
    return _alerts_page(request, refused=alert, form=form, status=422)


def _alerts_page(
    request: StudyRequest, *, refused: SafetyAlert | None = None, form: AcknowledgeForm | None = None, status: int = 200
) -> HttpResponse:
    found = list(alerts_for(request.user, request.study))
    waiting = [
        {
            "alert": alert, "minutes": int((clock.now() - alert.raised_at).total_seconds() // 60),
            "form": form if alert == refused else AcknowledgeForm(prefix=str(alert.pk)),
        }
        for alert in found if alert.acknowledged_at is None
    ]  # fmt: skip
    done = [alert for alert in found if alert.acknowledged_at is not None]
    context = {"waiting": waiting, "done": done, "escalated_after": ESCALATED_AFTER_MINUTES, "form": form}
    return render(request, "ratings/alerts.html", context, status=status)
