"""Pages of sessions, randomization and spectra at the blinded door."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
