"""Forms of the spectrum pages; they check shape only, the services decide."""

import datetime
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.files.base import File

from sessions.models import BasisSet, QuantificationReview, StudySession, Upload
from sessions.services.upload_rules import COMPANIONS, EMPTY, WholeFile, too_large
from studyportal import clock

WHOLE_LIMIT_BYTES = 256 * 1024**2


class FilesInput(forms.ClearableFileInput):
    """A file input that takes a file and its companion."""

    allow_multiple_selected = True

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:  # Any: Django's
        """Tell the page's script what is too large, so that it refuses before it reads or sends anything."""
        limits = {
            "data-limit-bytes": str(settings.PORTAL_UPLOAD_LIMIT_BYTES), "data-too-large": too_large(),
            "data-empty": EMPTY,
        }  # fmt: skip
        return super().get_context(name, value, {**(attrs or {}), **limits})


class FilesField(forms.FileField):
    """The files of one input."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> Any:  # Any: Django's signature
        """Return a list of files."""
        files = [file for file in data or [] if file]
        if not files and self.required:
            raise forms.ValidationError(self.error_messages["required"])
        limit = min(WHOLE_LIMIT_BYTES, settings.PORTAL_UPLOAD_LIMIT_BYTES)
        if any(file.size > limit for file in files):
            msg = f"The file is larger than {limit / 1024**2:,.0f} MB, the largest that this form takes in one piece."
            raise forms.ValidationError(msg)
        return files


class UploadForm(forms.Form):
    """A spectrum with its companion file, its water reference, and when the scan began."""

    use_required_attribute = False

    file = FilesField(
        label="Spectrum", required=False,
        help_text="Choose or drop: NIfTI-MRS, Siemens .dat, .rda, .IMA or .dcm, GE P-file (.7), Philips .SDAT with its "
        ".SPAR (choose both), jMRUI .txt, LCModel .RAW, or a .zip of one of them",
    )  # fmt: skip
    water = FilesField(label="Water reference (optional)", required=False, help_text="The same formats")
    scan_started = forms.TimeField(
        label="Scan started (optional)", required=False, input_formats=["%H:%M"],
        help_text="Site time as 14:05. Places a functional series on the infusion's time line; "
        "times inside the file are removed with the identifiers.",
        error_messages={"invalid": "Enter the time as 14:05."},
        widget=forms.TextInput(attrs={"class": "govuk-input--width-5", "autocomplete": "off", "inputmode": "numeric"}),
    )  # fmt: skip

    def __init__(self, *args: Any, session: StudySession, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session = session

    def clean(self) -> dict[str, Any]:
        """Ask for at least one file."""
        cleaned = super().clean() or {}
        if not self.errors and not cleaned.get("file") and not cleaned.get("water"):
            self.add_error("file", "Choose the spectrum's file.")
        return cleaned

    def acquired_at(self) -> datetime.datetime | None:
        """Return the scan's start: the given time on the session's day."""
        time = self.cleaned_data.get("scan_started")
        return on_day_of(self.session, time) if time else None

    def whole_files(self) -> list[WholeFile]:
        """Return the files as they are received: the water reference first, so that the fit finds it."""
        given = ((Upload.Kind.WATER, self.cleaned_data["water"]), (Upload.Kind.METABOLITE, self.cleaned_data["file"]))
        return [_whole(kind, files) for kind, files in given if files]


class AnnouncedTimeForm(forms.Form):
    """The scan's start as the chunked upload sends it."""

    scan_started = UploadForm.base_fields["scan_started"]


class RetryForm(forms.Form):
    """Which basis the next run uses."""

    basis = forms.ModelChoiceField(
        label="Basis set",
        required=False,
        empty_label="Chosen by field strength and echo time",
        queryset=BasisSet.objects.none(),
    )

    def __init__(self, *args: Any, bases: Sequence[BasisSet], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["basis"].queryset = BasisSet.objects.filter(pk__in=[one.pk for one in bases])  # type: ignore[attr-defined]


class WithdrawForm(forms.Form):
    """Why a file does not belong where it was uploaded."""

    use_required_attribute = False

    reason = forms.CharField(
        label="Why it does not belong here", max_length=240, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say in a few words why the file does not belong here."},
    )  # fmt: skip


class ReviewForm(forms.Form):
    """The verdict on a fit."""

    decision = forms.ChoiceField(
        label="Your review", widget=forms.RadioSelect, choices=QuantificationReview.Decision.choices,
        error_messages={"required": "Choose accept, accept with comment or reject."},
    )  # fmt: skip
    comment = forms.CharField(label="Comment", required=False, widget=forms.Textarea(attrs={"rows": 3}))


class BasisForm(forms.Form):
    """A basis set: an uploaded file, or the sequence that is simulated; or a measured macromolecule spectrum."""

    use_required_attribute = False

    name = forms.CharField(label="Name", max_length=200, error_messages={"required": "Give the basis a name."})
    kind = forms.ChoiceField(
        label="What it is", choices=BasisSet.Kind.choices, widget=forms.RadioSelect, required=False,
        initial=BasisSet.Kind.METABOLITES,
    )  # fmt: skip
    file = FilesField(
        label="File", required=False,
        help_text="Basis set: LCModel .BASIS, a .zip of .RAW files with their .BASIS, or a .zip of FSL .json files. "
        "Macromolecules: the metabolite-nulled scan as NIfTI-MRS or as the scanner wrote it (.SDAT with its .SPAR).",
    )  # fmt: skip
    echo_time_ms = forms.FloatField(
        label="Echo time in ms, where the file does not give it", required=False, min_value=0, max_value=1000,
        error_messages={"invalid": "Enter the echo time in ms, such as 28."},
        widget=forms.TextInput(attrs={"class": "govuk-input--width-5", "autocomplete": "off", "inputmode": "decimal"}),
    )  # fmt: skip
    simulation = forms.CharField(
        label="Or simulate", required=False, max_length=80,
        help_text="sim:press:TE1,TE2@3T or sim:steam:TE,TM@7T, times in ms",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Ask for one of the two."""
        cleaned = super().clean() or {}
        if not self.errors and bool(cleaned.get("file")) == bool(cleaned.get("simulation")):
            self.add_error("file", "Choose a file, or write the sequence to simulate: one of the two.")
        return cleaned


class ImportForm(forms.Form):
    """A result file of another program."""

    use_required_attribute = False

    file = forms.FileField(
        label="Result file", allow_empty_file=True, error_messages={"required": "Choose the result file."},
        help_text="LCModel .table, .coord or .csv; FSL-MRS summary.csv; Osprey ..._Voxel_1.tsv; Tarquin .csv or .txt",
    )  # fmt: skip


def on_day_of(session: StudySession, time: datetime.time) -> datetime.datetime:
    """Return a site's wall-clock time on the day on which the session began."""
    zone = ZoneInfo(session.participant.site.time_zone)
    day = (session.started_at or clock.now()).astimezone(zone).date()
    return datetime.datetime.combine(day, time, zone).astimezone(datetime.UTC)


def _whole(kind: str, files: "Sequence[File[bytes]]") -> WholeFile:
    """Put the main file first and its companions after it."""
    ordered = sorted(files, key=lambda file: (file.name or "").lower().endswith(tuple(COMPANIONS.values())))
    main, *companions = [(file.name or "", file.read()) for file in ordered]
    return WholeFile(kind=kind, filename=main[0], content=main[1], companions=tuple(companions))
