"""The forms of the unblinded door: one participant's reveal in two steps, and the planned unblinding."""

from collections.abc import Mapping, Sequence

from django import forms

from sessions.allocation.emergency import ReasonCode

CODE_HINT = (
    "Six digits from your authenticator app, or one of your recovery codes. A code opens once: if you have just signed "
    "in, wait for the next."
)


def password_field() -> forms.CharField:
    """Return the field for one's own password."""
    return forms.CharField(
        label="Your password", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "class": "govuk-input--width-20"}),
        error_messages={"required": "Enter your own password."},
    )  # fmt: skip


def code_field() -> forms.CharField:
    """Return the field for a fresh code."""
    return forms.CharField(
        label="Code", max_length=20, help_text=CODE_HINT,
        widget=forms.TextInput(attrs={
            "autocomplete": "one-time-code", "inputmode": "numeric", "class": "govuk-input--width-10",
        }),
        error_messages={"required": "Enter the code of your authenticator app."},
    )  # fmt: skip


class WhoAndWhyForm(forms.Form):
    """Whose treatment, and why."""

    participant = forms.CharField(
        label="Participant", max_length=24,
        help_text="The participant's number or the randomization number, as on the participant's card.",
        widget=forms.TextInput(attrs={
            "autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false",
            "class": "govuk-input--width-10",
        }),
        error_messages={"required": "Enter the participant's number."},
    )  # fmt: skip
    reason_code = forms.ChoiceField(
        label="Why it must be known", widget=forms.RadioSelect,
        error_messages={"required": "Choose why.", "invalid_choice": "Choose why."},
    )  # fmt: skip
    reason = forms.CharField(
        label="What happened, and who asked", max_length=240, widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say what happened and who asked."},
    )  # fmt: skip

    def __init__(self, data: Mapping[str, object] | None = None, *, codes: Sequence[ReasonCode]) -> None:
        super().__init__(data)
        self.fields["reason_code"].choices = [(code.value, code.words) for code in codes]  # type: ignore[attr-defined]  # a ChoiceField


class RevealForm(WhoAndWhyForm):
    """The same with password and code: what is signed by the reveal."""

    password = password_field()
    code = code_field()

    def __init__(self, data: Mapping[str, object] | None = None, *, codes: Sequence[ReasonCode]) -> None:
        super().__init__(data, codes=codes)
        for name in WhoAndWhyForm.base_fields:
            self.fields[name].widget = forms.HiddenInput()

    @property
    def needs_first_step(self) -> bool:
        """Whether something of the first step was refused, which that step's page shows."""
        return any(name in self.errors for name in WhoAndWhyForm.base_fields)


class DeliveryCodeForm(forms.Form):
    """The code that the requester read out."""

    code = forms.CharField(
        label="Code", max_length=20, help_text="Eight digits, read to you by phone.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric", "class": "govuk-input--width-10"}),
        error_messages={"required": "Enter the code that was read to you."},
    )  # fmt: skip


class TwoPeopleForm(forms.Form):
    """Password and code of one of the two people of a planned unblinding."""

    password = password_field()
    code = code_field()
