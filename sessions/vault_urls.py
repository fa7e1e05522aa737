"""Pages of randomization lists at the unblinded door."""

from django.urls import path

from sessions.vault_views import lists, paper

urlpatterns = [
    path("", lists.all_lists, name="lists"),
    path("new/", lists.new_list, name="list-new"),
    path("<uuid:pk>/", lists.one_list, name="list"),
    path("<uuid:pk>/approve/", lists.approve, name="list-approve"),
    path("<uuid:pk>/close/", lists.close, name="list-close"),
    path("emergency-sheets/", paper.sheets, name="emergency-sheets"),
    path("emergency-sheets/<uuid:pk>/sheet.pdf", paper.sheet, name="emergency-sheet"),
]
