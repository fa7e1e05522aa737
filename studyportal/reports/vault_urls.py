"""Home, allocations, unblinded report and view log at the unblinded door."""

from django.urls import path

from studyportal.reports.views import (
    allocations,
    blinding,
    contagion,
    delivery,
    emergency,
    planned,
    reveal_log,
    slot_proof,
    unblinded,
    vault_home,
)

urlpatterns = [
    path("", vault_home.home, name="home"),
    path("allocations/", allocations.allocations, name="allocations"),
    path("emergency/", emergency.emergency, name="emergency"),
    path("allocations/reveal/", emergency.unblind, name="unblind"),
    path("allocations/revealed/", emergency.unblinded, name="unblinded"),
    path("allocations/revealed/record.pdf", emergency.record, name="reveal-record"),
    path("delivery/shown/", delivery.shown, name="delivery-shown"),
    path("delivery/<str:secret>/", delivery.delivery, name="delivery"),
    path("planned/", planned.ceremony, name="planned-unblinding"),
    path("planned/begin/", planned.begin, name="planned-begin"),
    path("planned/<uuid:begun_id>/confirm/", planned.confirm, name="planned-confirm"),
    path("planned/allocations/", planned.opened, name="opened-allocations"),
    path("planned/allocations.csv", planned.opened_csv, name="opened-csv"),
    path("deducible/", contagion.contagion, name="contagion"),
    path("allocations/revealed/proof.json", slot_proof.proof_file, name="slot-proof"),
    path("allocations/revealed/proof.pdf", slot_proof.proof_pdf, name="slot-proof-sheet"),
    path("report/", unblinded.report, name="unblinded-report"),
    path("report/figures/<slug:name>.json", unblinded.figure, name="unblinded-figure"),
    path("report/figures/<slug:name>.csv", unblinded.table, name="unblinded-table"),
    path("blinding/", blinding.blinding, name="blinding"),
    path("blinding/figure.json", blinding.figure, name="blinding-figure"),
    path("blinding/table.csv", blinding.table, name="blinding-table"),
    path("log/", reveal_log.reveal_log, name="reveal-log"),
]
