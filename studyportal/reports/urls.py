"""Home, participant record and study progress at the blinded door."""

from django.urls import path

from studyportal.reports.views import home, record

urlpatterns = [
    path("", home.home, name="home"),
    path("participants/", record.participants, name="participants"),
    path("participants/<str:number>/", record.participant, name="participant"),
]
