"""Pages of spectra and their quantification."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
