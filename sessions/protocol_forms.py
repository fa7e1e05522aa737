"""The form of a new version of the analysis protocol; it checks shape only, the service decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from sessions.analysis_protocols import named
from sessions.analysis_terms import AS_FILE_SAYS, MEASURED, MODELLED, OF_BASIS, WHOLE, Terms
from sessions.models import BasisSet

COUNTED = "count"
NARROW = {"class": "govuk-input--width-5", "autocomplete": "off", "inputmode": "decimal"}
NOT_A_NUMBER = {"required": "Enter a number.", "invalid": "Enter a number, for example 2.5."}


def _number(label: str, help_text: str = "") -> forms.FloatField:
    return forms.FloatField(
        label=label, help_text=help_text, widget=forms.TextInput(attrs=NARROW), error_messages=NOT_A_NUMBER
    )


class DraftForm(forms.Form):
    """Every term of a version, and why it is made."""

    use_required_attribute = False

    bases = forms.MultipleChoiceField(
        label="Basis sets", widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one basis set."},
        help_text="With several, each spectrum takes the one of its field strength and nearest echo time.",
    )  # fmt: skip
    macromolecules = forms.ChoiceField(label="Macromolecules and lipids", widget=forms.RadioSelect)
    baseline_ed_per_ppm = _number("Baseline flexibility", "Effective dimensions per ppm, 0.5 to 10")
    ppm_low = _number("Fitted from (ppm)")
    ppm_high = _number("Fitted to (ppm)")
    blocks = forms.ChoiceField(
        label="Blocks of transients", widget=forms.RadioSelect,
        choices=[(AS_FILE_SAYS, "As the file says"), (WHOLE, "The whole spectrum only"),
                 (COUNTED, "A number of blocks of equal length")],
    )  # fmt: skip
    block_count = forms.CharField(
        label="Number of blocks", required=False, max_length=5,
        widget=forms.TextInput(attrs=NARROW | {"inputmode": "numeric"}),
    )  # fmt: skip
    window = forms.IntegerField(
        label="Sliding window (optional)", required=False, help_text="Transients in each window, as well as blocks",
        widget=forms.TextInput(attrs=NARROW | {"inputmode": "numeric"}),
        error_messages={"invalid": "Enter a whole number of transients, or leave it empty."},
    )  # fmt: skip
    remove_water = forms.BooleanField(label="Remove residual water before the fit", required=False)
    eddy_current = forms.BooleanField(label="Correct eddy currents with the water reference", required=False)
    exclude = forms.CharField(
        label="Leave out of the basis (optional)", required=False, max_length=400,
        help_text="Names as in the basis set, with commas: Asc, Gly",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    snr_min = _number("SNR at least")
    fwhm_ppm_max = _number("Line width (FWHM) under (ppm)")
    crlb_percent_max = _number("CRLB of the primary ratio at most (%)")
    excludes_unusable = forms.BooleanField(
        label="Leave spectra that miss a threshold out of the primary outcome", required=False
    )
    is_exploratory = forms.BooleanField(
        label="Exploratory version: its results are marked and never count", required=False
    )
    reason = forms.CharField(
        label="Why this version is made", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why this version is made."},
    )  # fmt: skip

    def __init__(
        self, *args: Any, bases: Sequence[BasisSet], measured: Sequence[BasisSet], start: Terms, is_closed: bool,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        kwargs["initial"] = _initial(start) | {"is_exploratory": is_closed}
        super().__init__(*args, **kwargs)
        self.start, self.is_closed = start, is_closed
        self.sets: Mapping[str, BasisSet] = {str(one.pk): one for one in (*bases, *measured)}
        self.fields["bases"].choices = [(str(one.pk), one.name) for one in bases]  # type: ignore[attr-defined]
        self.fields["macromolecules"].choices = [  # type: ignore[attr-defined]
            (MODELLED, "Modelled, with soft ratios"),
            (OF_BASIS, "Those of the basis only"),
            *((str(one.pk), f"Measured: {one.name}") for one in measured),
        ]

    def terms(self) -> Terms:
        """Return the terms that were filled in."""
        given = self.cleaned_data
        chosen = given["macromolecules"]
        is_measured = chosen not in {MODELLED, OF_BASIS}
        blocks = given["block_count"].strip() if given["blocks"] == COUNTED else given["blocks"]
        return Terms(
            primary_ratio=self.start.primary_ratio, engine_version=self.start.engine_version,
            bases=tuple(named(self.sets[key]) for key in given["bases"]),
            macromolecules=MEASURED if is_measured else chosen,
            measured=named(self.sets[chosen]) if is_measured else None,
            baseline_ed_per_ppm=given["baseline_ed_per_ppm"], ppm_low=given["ppm_low"], ppm_high=given["ppm_high"],
            blocks=blocks or "0", window=given["window"] or 0, remove_water=given["remove_water"],
            eddy_current=given["eddy_current"],
            exclude=tuple(name.strip() for name in given["exclude"].split(",") if name.strip()),
            snr_min=given["snr_min"], fwhm_ppm_max=given["fwhm_ppm_max"], crlb_percent_max=given["crlb_percent_max"],
            excludes_unusable=given["excludes_unusable"],
        )  # fmt: skip


def _initial(start: Terms) -> dict[str, Any]:
    is_counted = start.blocks not in {AS_FILE_SAYS, WHOLE}
    return {
        "bases": [one.id for one in start.bases],
        "macromolecules": start.measured.id if start.measured else start.macromolecules,
        "baseline_ed_per_ppm": f"{start.baseline_ed_per_ppm:g}", "ppm_low": f"{start.ppm_low:g}",
        "ppm_high": f"{start.ppm_high:g}", "blocks": COUNTED if is_counted else start.blocks,
        "block_count": start.blocks if is_counted else "", "window": start.window or "",
        "remove_water": start.remove_water,
        "eddy_current": start.eddy_current, "exclude": ", ".join(start.exclude), "snr_min": f"{start.snr_min:g}",
        "fwhm_ppm_max": f"{start.fwhm_ppm_max:g}", "crlb_percent_max": f"{start.crlb_percent_max:g}",
        "excludes_unusable": start.excludes_unusable,
    }  # fmt: skip
