"""Choice of study and API tokens, at both doors."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
