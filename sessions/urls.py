"""Pages of sessions, randomization, spectra and the analysis protocol at the blinded door."""

from django.urls import path

from sessions.commitment_urls import urlpatterns as commitment_pages
from sessions.protocol_urls import urlpatterns as protocol_pages
from sessions.session_urls import urlpatterns as session_pages
from sessions.spectrum_urls import urlpatterns as spectrum_pages
from sessions.views import deliveries

urlpatterns = [
    *session_pages,
    *spectrum_pages,
    *protocol_pages,
    *commitment_pages,
    path("unblinding/", deliveries.deliveries, name="deliveries"),
    path("unblinding/ask/", deliveries.ask, name="delivery-ask"),
]
