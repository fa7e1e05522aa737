"""Pages of randomization lists at the unblinded door."""

from django.urls import path

from sessions.vault_views import commitment, lists

urlpatterns = [
    path("", lists.all_lists, name="lists"),
    path("new/", lists.new_list, name="list-new"),
    path("<uuid:pk>/", lists.one_list, name="list"),
    path("<uuid:pk>/approve/", lists.approve, name="list-approve"),
    path("<uuid:pk>/close/", lists.close, name="list-close"),
    path("<uuid:pk>/commitment/", commitment.publish, name="list-commitment"),
    path("commitment.pdf", commitment.sheet, name="vault-commitment-sheet"),
    path("reveal/", commitment.reveal, name="full-reveal"),
    path("reveal/announce/", commitment.announce, name="full-reveal-announce"),
    path("reveal/confirm/", commitment.confirm, name="full-reveal-confirm"),
    path("reveal/publish/", commitment.publish_reveal, name="full-reveal-publish"),
    path("reveal/study-bundle.json", commitment.bundle, name="full-reveal-bundle"),
]
