"""The API of the blinded door."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
