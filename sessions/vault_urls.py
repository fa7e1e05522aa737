"""Pages of randomization lists at the unblinded door."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
