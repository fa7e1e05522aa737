"""Pages of randomization lists at the unblinded door."""

from django.urls import path

from sessions.vault_views import lists, replacements

urlpatterns = [
    path("", lists.all_lists, name="lists"),
    path("new/", lists.new_list, name="list-new"),
    path("<uuid:pk>/", lists.one_list, name="list"),
    path("<uuid:pk>/approve/", lists.approve, name="list-approve"),
    path("<uuid:pk>/close/", lists.close, name="list-close"),
    path("replacements/", replacements.replacements, name="replacements"),
]
