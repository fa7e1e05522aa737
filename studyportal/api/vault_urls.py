"""The API of the unblinded door."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
