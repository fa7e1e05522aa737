"""The unblinded door's site map."""

from django.urls import include, path

from studyportal.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("account/", include("studyportal.accounts.vault_urls")),
    path("lists/", include("sessions.vault_urls")),
    path("kits/", include("sessions.kit_urls")),
    path("api/", include("studyportal.api.vault_urls")),
    path("", include("studyportal.reports.vault_urls")),
]

handler404 = "studyportal.error_pages.not_found"
handler500 = "studyportal.error_pages.server_error"
