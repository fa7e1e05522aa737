"""Pages of kits and dispensing at the unblinded door."""

from django.urls import path

from sessions.vault_views import kit_dispensing, kit_reports, kit_shipments, kits

urlpatterns = [
    path("", kits.overview, name="kits"),
    path("kit/<str:number>/", kits.one_kit, name="kit"),
    path("kit/<str:number>/label.pdf", kits.label, name="kit-own-label"),
    path("kit/<str:number>/content/", kits.content, name="kit-content"),
    path("kit/<str:number>/<slug:name>/", kits.move, name="kit-move"),
    path("dispense/<uuid:pk>/", kit_dispensing.session, name="kit-dispense"),
    path("dispense/<uuid:pk>/pick/", kit_dispensing.pick, name="kit-pick"),
    path("dispense/<uuid:pk>/scan/", kit_dispensing.scan, name="kit-scan"),
    path("dispense/<uuid:pk>/sign/", kit_dispensing.dispense, name="kit-sign"),
    path("dispense/<uuid:pk>/back/", kit_dispensing.put_back, name="kit-back"),
    path("labels/<uuid:pk>/", kit_dispensing.label, name="kit-label"),
    path("labels/<uuid:pk>/label.pdf", kit_dispensing.label_print, name="kit-label-print"),
    path("shipments/", kit_shipments.shipments, name="kit-shipments"),
    path("shipments/new/", kit_shipments.new_shipment, name="kit-shipment-new"),
    path("shipments/<uuid:pk>/", kit_shipments.one_shipment, name="kit-shipment"),
    path("shipments/<uuid:pk>/receive/", kit_shipments.receive, name="kit-receive"),
    path("shipments/<uuid:pk>/labels.pdf", kit_shipments.labels, name="kit-shipment-labels"),
    path("lots/<str:lot>/", kit_shipments.lot, name="kit-lot"),
    path("recall/", kit_shipments.recall, name="kit-recall"),
    path("destroy/", kit_shipments.destroy, name="kit-destroy"),
    path("books/", kit_reports.books, name="kit-books"),
    path("books/books.csv", kit_reports.books_csv, name="kit-books-csv"),
    path("books/books.pdf", kit_reports.books_pdf, name="kit-books-pdf"),
    path("books/<uuid:site_id>/<str:lot>/", kit_reports.count, name="kit-count"),
    path("supply/", kit_reports.supply_page, name="kit-supply"),
]
