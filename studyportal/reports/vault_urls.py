"""Home, allocations, unblinded report and view log at the unblinded door."""

from django.urls import path

from studyportal.reports.views import allocations, delivery, emergency, reveal_log, unblinded, vault_home

urlpatterns = [
    path("", vault_home.home, name="home"),
    path("allocations/", allocations.allocations, name="allocations"),
    path("emergency/", emergency.emergency, name="emergency"),
    path("allocations/reveal/", emergency.unblind, name="unblind"),
    path("allocations/revealed/", emergency.unblinded, name="unblinded"),
    path("allocations/revealed/record.pdf", emergency.record, name="reveal-record"),
    path("delivery/shown/", delivery.shown, name="delivery-shown"),
    path("delivery/<str:secret>/", delivery.delivery, name="delivery"),
    path("report/", unblinded.report, name="unblinded-report"),
    path("report/figures/<slug:name>.json", unblinded.figure, name="unblinded-figure"),
    path("report/figures/<slug:name>.csv", unblinded.table, name="unblinded-table"),
    path("log/", reveal_log.reveal_log, name="reveal-log"),
]
