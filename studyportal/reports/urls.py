"""Home, participant record and study progress at the blinded door."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
