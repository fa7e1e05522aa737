"""The same tables at the unblinded door: every row with its sequence and what was given."""

from dataclasses import replace

from studyportal.accounts.roles import Permission
from studyportal.api.tables import TABLES, Build, Table
from studyportal.reports import conduct_rows, datasets, functional_datasets, functional_rows, rows

TWINS: dict[str, tuple[type, Build]] = {
    "participants": (rows.UnblindedParticipantRow, datasets.unblinded_participant_rows),
    "sessions": (rows.UnblindedSessionRow, datasets.unblinded_session_rows),
    "doses": (conduct_rows.UnblindedDoseRow, conduct_rows.unblinded_dose_rows),
    "madrs_items": (rows.UnblindedItemRow, datasets.unblinded_item_rows),
    "madrs_totals": (rows.UnblindedMadrsRow, datasets.unblinded_madrs_rows),
    "spectra": (rows.UnblindedSpectrumRow, datasets.unblinded_spectrum_rows),
    "mrs_runs": (conduct_rows.UnblindedRunRow, conduct_rows.unblinded_run_rows),
    "mrs_concentrations": (rows.UnblindedQuantificationRow, datasets.unblinded_quantification_parts),
    "mrs_series": (functional_rows.UnblindedSeriesRow, functional_datasets.unblinded_series_parts),
    "mrs_changes": (functional_rows.UnblindedChangeRow, functional_datasets.unblinded_change_parts),
    "mrs_effects": (functional_rows.UnblindedEffectRow, functional_datasets.unblinded_effect_parts),
    "mrs_transients": (functional_rows.UnblindedTransientRow, functional_datasets.unblinded_transient_parts),
    "adverse_events": (conduct_rows.UnblindedAdverseEventRow, conduct_rows.unblinded_adverse_event_rows),
    "deviations": (conduct_rows.UnblindedDeviationRow, conduct_rows.unblinded_deviation_rows),
}

UNBLINDED_TABLES: tuple[Table, ...] = tuple(
    replace(
        table, row=TWINS[table.name][0], build=TWINS[table.name][1], permissions=(Permission.UNBLINDED_EXPORT,)
    )
    if table.has_links
    else replace(table, permissions=(Permission.UNBLINDED_EXPORT,))
    for table in TABLES
)  # fmt: skip
