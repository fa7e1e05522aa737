"""Pages of the analysis protocol and of batches under it."""

from django.urls import path

from sessions.views import analysis_protocol, requantification

VERSION = "analysis-protocol/versions/<int:version>/"
BATCH = "analysis-protocol/batches/<uuid:batch_id>/"

urlpatterns = [
    path("analysis-protocol/", analysis_protocol.protocol, name="analysis-protocol"),
    path("analysis-protocol/draft/", analysis_protocol.draft, name="analysis-protocol-draft"),
    path(VERSION, analysis_protocol.version, name="analysis-protocol-version"),
    path(f"{VERSION}sign/", analysis_protocol.sign, name="analysis-protocol-sign"),
    path(f"{VERSION}requantify/", analysis_protocol.requantify, name="analysis-protocol-requantify"),
    path(BATCH, requantification.batch, name="requantification"),
    path(f"{BATCH}state/", requantification.state, name="requantification-state"),
    path(f"{BATCH}cancel/", requantification.cancel, name="requantification-cancel"),
    path(f"{BATCH}comparison/", requantification.comparison, name="requantification-comparison"),
    path(f"{BATCH}comparison.json", requantification.comparison_figure, name="requantification-figure"),
    path(f"{BATCH}comparison.csv", requantification.comparison_table, name="requantification-csv"),
]
