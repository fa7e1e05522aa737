"""Pages of the published commitment at the blinded door."""

from django.urls import path

from sessions.views import commitment

urlpatterns = [
    path("commitment/", commitment.commitment, name="commitment"),
    path("commitment/sheet.pdf", commitment.sheet, name="commitment-sheet"),
    path("commitment/study-bundle.json", commitment.study_bundle, name="commitment-bundle"),
]
