"""The form that reveals one participant."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django import forms

from sessions.allocation.emergency import ReasonCode
from sessions.allocation.selectors import AllocationRow


class RevealForm(forms.Form):
    """Whose treatment, why, and one's own password."""

    participant = forms.ChoiceField(
        error_messages={
            "required": "Choose the participant.",
            "invalid_choice": "This participant is not on your list.",
        }
    )
    reason_code = forms.ChoiceField(
        label="Why it must be known", choices=[(code.value, code.words) for code in ReasonCode],
        widget=forms.RadioSelect, error_messages={"required": "Choose why."},
    )  # fmt: skip
    reason = forms.CharField(
        label="What happened, and who asked", max_length=240, widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say what happened and who asked."},
    )  # fmt: skip
    password = forms.CharField(
        label="Your password", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "class": "govuk-input--width-20"}),
        error_messages={"required": "Enter your own password."},
    )  # fmt: skip

    def __init__(self, data: Mapping[str, object] | None = None, *, allocations: Sequence[AllocationRow]) -> None:
        super().__init__(data)
        choices = [(row.participant, f"{row.participant} ({row.randomization_number})") for row in allocations]
        self.fields["participant"].choices = [("", "Choose"), *sorted(choices)]  # type: ignore[attr-defined]  # a ChoiceField
        self._ids = {row.participant: row.participant_id for row in allocations}

    @property
    def participant_id(self) -> UUID:
        """The chosen participant of a valid form."""
        return self._ids[self.cleaned_data["participant"]]
