"""The blinded door's site map."""

from django.urls import include, path

from studyportal.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("account/", include("studyportal.accounts.urls")),
    path("participants/", include("participants.urls")),
    path("", include("sessions.urls")),
    path("ratings/", include("ratings.urls")),
    path("api/", include("studyportal.api.urls")),
    path("", include("studyportal.reports.urls")),
]

handler404 = "studyportal.error_pages.not_found"
handler500 = "studyportal.error_pages.server_error"
