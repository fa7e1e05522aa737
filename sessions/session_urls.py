"""Pages of sessions and of the randomization wizard."""

from django.urls import path

from sessions.views import randomization_waiting, randomize, session

SESSION = "participants/<str:number>/sessions/<int:period>/"

urlpatterns = [
    path("participants/<str:number>/randomize/", randomize.wizard, name="randomize"),
    path("participants/<str:number>/randomization/", randomize.receipt, name="randomization-receipt"),
    path("participants/<str:number>/randomize/waiting/", randomization_waiting.waiting, name="randomization-waiting"),
    path("participants/<str:number>/randomize/cancel/", randomization_waiting.cancel, name="randomization-cancel"),
    path(SESSION, session.session, name="session"),
    path(f"{SESSION}schedule/", session.schedule, name="session-schedule"),
    path(f"{SESSION}start/", session.start, name="session-start"),
    path(f"{SESSION}doses/<str:kind>/", session.dose, name="session-dose"),
    path(f"{SESSION}complete/", session.complete, name="session-complete"),
    path(f"{SESSION}missed/", session.missed, name="session-missed"),
    path(f"{SESSION}adverse-events/", session.adverse_event, name="session-adverse-event"),
]
