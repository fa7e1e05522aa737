"""Pages of randomization lists at the unblinded door."""

from django.urls import path

from sessions.vault_views import commitment, comparisons, designs, list_page, lists, paper, replacements

urlpatterns = [
    path("", lists.all_lists, name="lists"),
    path("new/", lists.new_list, name="list-new"),
    path("design/", designs.design, name="design"),
    path("compare/", comparisons.compare, name="scheme-comparison"),
    path("compare/state/", comparisons.state, name="scheme-comparison-state"),
    path("compare/figure.json", comparisons.figure, name="scheme-comparison-figure"),
    path("<uuid:pk>/", list_page.one_list, name="list"),
    path("<uuid:pk>/settings/", lists.change_settings, name="list-settings"),
    path("<uuid:pk>/settings.json", list_page.settings_file, name="list-settings-file"),
    path("<uuid:pk>/generate/", list_page.generate, name="list-generate"),
    path("<uuid:pk>/take-in/", list_page.take_in, name="list-take-in"),
    path("<uuid:pk>/accept/", list_page.accept, name="list-accept"),
    path("<uuid:pk>/acceptance.pdf", list_page.report, name="list-acceptance-report"),
    path("<uuid:pk>/approve/", list_page.approve, name="list-approve"),
    path("<uuid:pk>/publish/", list_page.publish, name="list-publish"),
    path("<uuid:pk>/activate/", list_page.activate, name="list-activate"),
    path("<uuid:pk>/close/", list_page.close, name="list-close"),
    path("commitment.pdf", commitment.sheet, name="vault-commitment-sheet"),
    path("reveal/", commitment.reveal, name="full-reveal"),
    path("reveal/announce/", commitment.announce, name="full-reveal-announce"),
    path("reveal/confirm/", commitment.confirm, name="full-reveal-confirm"),
    path("reveal/publish/", commitment.publish_reveal, name="full-reveal-publish"),
    path("reveal/study-bundle.json", commitment.bundle, name="full-reveal-bundle"),
    path("replacements/", replacements.replacements, name="replacements"),
    path("emergency-sheets/", paper.sheets, name="emergency-sheets"),
    path("emergency-sheets/<uuid:pk>/sheet.pdf", paper.sheet, name="emergency-sheet"),
]
