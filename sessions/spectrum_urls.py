"""Pages of spectra and their quantification."""

from django.urls import path

from sessions.views import bases, quantification, results, spectra, uploads

urlpatterns = [
    path("participants/<str:number>/sessions/<int:period>/uploads/", uploads.upload_create, name="upload-create"),
    path("uploads/<uuid:upload_id>/", uploads.upload, name="upload"),
    path("spectra/", spectra.spectra, name="spectra"),
    path("spectra/<uuid:spectrum_id>/", spectra.spectrum, name="spectrum"),
    path("spectra/<uuid:spectrum_id>/file/", spectra.spectrum_file, name="spectrum-file"),
    path("quantifications/<uuid:run_id>/", quantification.quantification, name="quantification"),
    path("quantifications/<uuid:run_id>/state/", quantification.state, name="quantification-state"),
    path("quantifications/<uuid:run_id>/retry/", quantification.retry, name="quantification-retry"),
    path("quantifications/<uuid:run_id>/cancel/", quantification.cancel, name="quantification-cancel"),
    path("quantifications/<uuid:run_id>/review/", quantification.review, name="quantification-review"),
    path("quantifications/<uuid:run_id>/fit.json", results.fit, name="quantification-fit"),
    path("quantifications/<uuid:run_id>/course.json", results.course, name="quantification-course"),
    path("quantifications/<uuid:run_id>/results.csv", results.table, name="quantification-csv"),
    path("quantifications/<uuid:run_id>/results.json", results.document, name="quantification-json"),
    path("bases/", bases.bases, name="bases"),
    path("bases/<uuid:basis_id>/default/", bases.make_default, name="basis-default"),
]
