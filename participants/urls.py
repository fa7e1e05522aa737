"""Pages of participants at the blinded door; the list and the record join the apps: see `studyportal.reports`."""

from django.urls import path

from participants.views import consent_versions, enrolment, identity, leaving, screening

urlpatterns = [
    path("screen/", screening.screen_participant, name="screen"),
    path("consent-versions/", consent_versions.consent_versions, name="consent-versions"),
    path("<str:number>/consent/", enrolment.consent, name="consent"),
    path("<str:number>/consent/withdrawal/", enrolment.consent_withdrawal, name="consent-withdrawal"),
    path("<str:number>/eligibility/", enrolment.eligibility, name="eligibility"),
    path("<str:number>/eligibility/sign/", enrolment.eligibility_signature, name="eligibility-sign"),
    path("<str:number>/identity/", identity.identity, name="identity"),
    path("<str:number>/withdraw/", leaving.withdrawal, name="withdraw"),
    path("<str:number>/screen-failure/", leaving.screen_failure, name="screen-failure"),
]
