"""Home, unblinded report and view log at the unblinded door."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
