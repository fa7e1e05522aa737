"""The form that asks for a delivery to a colleague."""

from django import forms

from sessions.allocation.delivery import REASONS


class DeliveryForm(forms.Form):
    """Whose treatment, why, and to whom it goes."""

    participant = forms.CharField(
        label="Participant", max_length=12, help_text="For example, XO-014",
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "govuk-input--width-10"}),
        error_messages={"required": "Enter the participant's number."},
    )  # fmt: skip
    reason_code = forms.ChoiceField(
        label="Why it must be known", choices=[(code.value, code.words) for code in REASONS], widget=forms.RadioSelect,
        error_messages={"required": "Choose why.", "invalid_choice": "Choose why."},
    )  # fmt: skip
    reason = forms.CharField(
        label="What happened, and who asked", max_length=240, widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say what happened and who asked."},
    )  # fmt: skip
    recipient_name = forms.CharField(
        label="Colleague's name", max_length=120, help_text="A clinician outside of the study team, never you.",
        error_messages={"required": "Enter the colleague's name."},
    )  # fmt: skip
    recipient_email = forms.EmailField(
        label="Colleague's e-mail address",
        help_text="The link goes there. It works once and for an hour, with a code that you read out by phone.",
        error_messages={
            "required": "Enter the colleague's e-mail address.",
            "invalid": "Enter an address like name@hospital.example.",
        },
    )  # fmt: skip
    password = forms.CharField(
        label="Your password", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "class": "govuk-input--width-20"}),
        error_messages={"required": "Enter your own password."},
    )  # fmt: skip
