"""Home, allocations, unblinded report and view log at the unblinded door."""

from django.urls import path

from studyportal.reports.views import allocations, reveal_log, slot_proof, unblinded, vault_home

urlpatterns = [
    path("", vault_home.home, name="home"),
    path("allocations/", allocations.allocations, name="allocations"),
    path("allocations/reveal/", allocations.unblind, name="unblind"),
    path("allocations/revealed/", allocations.unblinded, name="unblinded"),
    path("allocations/revealed/proof.json", slot_proof.proof_file, name="slot-proof"),
    path("allocations/revealed/proof.pdf", slot_proof.proof_pdf, name="slot-proof-sheet"),
    path("report/", unblinded.report, name="unblinded-report"),
    path("report/figures/<slug:name>.json", unblinded.figure, name="unblinded-figure"),
    path("report/figures/<slug:name>.csv", unblinded.table, name="unblinded-table"),
    path("log/", reveal_log.reveal_log, name="reveal-log"),
]
