"""Pages of ratings at the blinded door."""

from django.urls import path

from ratings.views import alerts, autosave, correction, guesses, plan, rating, worklist
from studyportal.accounts.reauthentication import sign_in_again

urlpatterns = [
    path("", worklist.own_worklist, name="rating-worklist"),
    path("again/", sign_in_again, name="sign-in-again"),
    path("plan/", plan.plan, name="rating-plan"),
    path("plan/assign/", plan.assign, name="rating-assign"),
    path("plan/<str:code>/cancel/", plan.cancel, name="rating-cancel"),
    path("alerts/", alerts.alerts, name="safety-alerts"),
    path("alerts/<uuid:alert_id>/", alerts.acknowledge, name="safety-alert-acknowledge"),
    path("guesses/", guesses.own_guesses, name="own-guesses"),
    path("guesses/participants/", guesses.guesses, name="guesses"),
    path("guesses/participants/<str:number>/<int:period>/", guesses.guess, name="guess"),
    path("guesses/<str:code>/", guesses.own_guess, name="own-guess"),
    path("<str:code>/", rating.rating, name="rating"),
    path("<str:code>/start/", rating.start, name="rating-start"),
    path("<str:code>/changes/", autosave.changes, name="rating-changes"),
    path("<str:code>/save/", rating.save, name="rating-save"),
    path("<str:code>/sign/", rating.sign, name="rating-sign"),
    path("<str:code>/correct/", correction.correct, name="rating-correct"),
    path("<str:code>/history/", correction.history, name="rating-history"),
]
