"""Home, participant record and study progress at the blinded door."""

from django.urls import path

from studyportal.reports.views import home, lock, progress, record

urlpatterns = [
    path("", home.home, name="home"),
    path("participants/", record.participants, name="participants"),
    path("participants/<str:number>/", record.participant, name="participant"),
    path("progress/", progress.progress, name="progress"),
    path("progress/figures/<slug:name>.json", progress.figure, name="progress-figure"),
    path("progress/figures/<slug:name>.csv", progress.table, name="progress-table"),
    path("lock/", lock.lock, name="study-lock"),
    path("lock/ask/", lock.ask, name="study-lock-ask"),
    path("lock/<uuid:act_id>/confirm/", lock.confirm, name="study-lock-confirm"),
    path("lock/<uuid:act_id>/withdraw/", lock.withdraw, name="study-lock-withdraw"),
]
