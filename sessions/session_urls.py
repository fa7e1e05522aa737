"""Pages of sessions and of the randomization wizard."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
