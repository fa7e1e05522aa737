"""Forms of the list pages."""

import re
from collections.abc import Mapping, Sequence

from django import forms

from sessions.allocation.policies import MOST_SLOTS_PER_STRATUM
from sessions.randomization import Method

METHODS = (
    (Method.BIG_STICK.value, "Big stick: fair draws until one sequence is too far ahead (harder to guess)"),
    (Method.PERMUTED_BLOCKS.value, "Permuted blocks: every block holds each sequence equally often"),
)


class NewListForm(forms.Form):
    """How a list is to be made; the strata come from the study's factors and are not typed."""

    method = forms.ChoiceField(
        choices=METHODS, widget=forms.RadioSelect, initial=Method.BIG_STICK.value,
        error_messages={"required": "Choose a method.", "invalid_choice": "Choose one of the methods."},
    )  # fmt: skip
    tolerance = forms.IntegerField(
        label="Largest imbalance", required=False, min_value=1, max_value=20, initial=3,
        help_text="For big stick: how far one sequence may be ahead of the other in a stratum.",
        error_messages={"invalid": "Enter a whole number, such as 3."},
    )  # fmt: skip
    block_sizes = forms.CharField(
        label="Block sizes", required=False, initial="2, 4", max_length=40,
        help_text="For permuted blocks: one size, or several with commas; each block's size is drawn from them.",
    )  # fmt: skip
    slots_per_stratum = forms.IntegerField(
        label="Slots per stratum", min_value=1, max_value=MOST_SLOTS_PER_STRATUM, initial=20,
        help_text="More than a stratum will ever need: an unused slot costs nothing.",
        error_messages={"invalid": "Enter a whole number, such as 20.", "required": "Enter how many slots."},
    )  # fmt: skip

    def __init__(self, data: Mapping[str, object] | None = None, *, sequences: Sequence[str]) -> None:
        super().__init__(data)
        self._sequences = len(sequences)
        self.fields["tolerance"].widget.attrs["class"] = "govuk-input--width-3"
        self.fields["slots_per_stratum"].widget.attrs["class"] = "govuk-input--width-3"
        self.fields["block_sizes"].widget.attrs["class"] = "govuk-input--width-10"

    def clean_block_sizes(self) -> list[int]:
        """Return the sizes; refuse what is no multiple of the number of sequences."""
        text = self.cleaned_data["block_sizes"].strip()
        if self.data.get("method") != Method.PERMUTED_BLOCKS or not text:
            return []
        parts = [part for part in re.split(r"[\s,;]+", text) if part]
        if not all(re.fullmatch(r"\d{1,3}", part) for part in parts):
            raise forms.ValidationError("Enter whole numbers with commas between them, such as 2, 4.")
        sizes = [int(part) for part in parts]
        for size in sizes:
            if size == 0 or size % self._sequences:
                msg = (
                    f"A block of {size} cannot hold {self._sequences} sequences equally often. "
                    f"Use multiples of {self._sequences}."
                )
                raise forms.ValidationError(msg)
        return sizes

    def clean(self) -> dict[str, object]:
        """Ask for the setting of the chosen method."""
        cleaned = super().clean() or {}
        method = cleaned.get("method")
        sizes, slots = cleaned.get("block_sizes"), cleaned.get("slots_per_stratum")
        if method == Method.PERMUTED_BLOCKS and sizes == []:
            self.add_error("block_sizes", "Enter at least one block size.")
        if method == Method.PERMUTED_BLOCKS and sizes and slots and max(sizes) > slots:
            msg = f"A block of {max(sizes)} does not fit into {slots} slots. Use smaller blocks or more slots."
            self.add_error("block_sizes", msg)
        if method == Method.BIG_STICK and cleaned.get("tolerance") is None and "tolerance" not in self.errors:
            self.add_error("tolerance", "Enter the largest imbalance, such as 3.")
        return cleaned

    @property
    def chosen_method(self) -> Method:
        """The chosen method of a valid form."""
        return Method(self.cleaned_data["method"])

    @property
    def parameters(self) -> dict[str, object]:
        """The settings of the chosen method of a valid form."""
        if self.chosen_method is Method.BIG_STICK:
            return {"tolerance": self.cleaned_data["tolerance"]}
        return {"block_sizes": self.cleaned_data["block_sizes"]}


class PasswordForm(forms.Form):
    """One's own password, to approve."""

    password = forms.CharField(
        label="Your password", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "class": "govuk-input--width-20"}),
        error_messages={"required": "Enter your own password."},
    )  # fmt: skip


class CloseForm(PasswordForm):
    """Why a list is closed, with one's own password."""

    reason = forms.CharField(
        label="Reason", max_length=240, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why no more is to be allocated from this list."},
    )  # fmt: skip
    field_order = ("reason", "password")


class AnnounceForm(PasswordForm):
    """Why all lists are revealed, with one's own password."""

    reason = forms.CharField(
        label="Reason", max_length=240, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why the lists are revealed now, such as the end of the analysis."},
    )  # fmt: skip
    field_order = ("reason", "password")
