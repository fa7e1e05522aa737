"""Account pages of the unblinded door: what both doors have, and enrolment behind a link.

An authenticator is neither added nor turned off by its holder alone: whoever lost it gets a new link.
"""

from django.urls import path

from studyportal.accounts.enrolment_page import enrol
from studyportal.accounts.urls import shared

urlpatterns = [*shared, path("enrol/<str:secret>/", enrol, name="enrol")]
