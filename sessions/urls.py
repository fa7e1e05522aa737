"""Pages of sessions, randomization and spectra at the blinded door."""

from sessions.session_urls import urlpatterns as session_pages
from sessions.spectrum_urls import urlpatterns as spectrum_pages

urlpatterns = [*session_pages, *spectrum_pages]
