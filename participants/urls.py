"""Pages of participants at the blinded door."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
