"""The blinded door's site map."""

from django.urls import include, path

from studyportal.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("account/", include("allauth.urls")),
]
