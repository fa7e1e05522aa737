"""Forms of the account pages; they check shape only, the services decide."""

from typing import Any

from allauth.account.forms import LoginForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from studyportal.accounts.doors import refusal_at
from studyportal.accounts.roles import DESCRIPTIONS, UNBLINDED_ROLES, Role
from studyportal.accounts.tokens import LONGEST
from studyportal.studies.models import Study


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    """User name and password, in the portal's words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "User name"
        self.fields["login"].widget.attrs.pop("placeholder", None)
        self.fields["password"].widget.attrs.pop("placeholder", None)

    def clean(self) -> dict[str, Any]:
        """Check the password, then whether the account opens this door."""
        cleaned: dict[str, Any] = super().clean()
        if self.user is not None and (refused := refusal_at(settings.PORTAL_DOOR, self.user)):
            raise ValidationError(refused)
        return cleaned


class EnrolForm(ActivateTOTPForm):  # type: ignore[misc]  # allauth has no types
    """The first password and the first code of the authenticator, behind an enrolment link."""

    field_order = ("password", "again", "code")

    password = forms.CharField(
        label="New password",
        help_text="At least 12 characters. Several words are easier to keep in mind than symbols.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
    )
    again = forms.CharField(
        label="New password again",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = "6-digit code that the app shows"
        self.fields["code"].widget.attrs = {"autocomplete": "one-time-code", "inputmode": "numeric"}

    def clean_password(self) -> str:
        """Hold the password against the rules."""
        password = str(self.cleaned_data["password"])
        validate_password(password, self.user)
        return password

    def clean_again(self) -> str:
        """Refuse a slip of the finger."""
        again = str(self.cleaned_data["again"])
        if "password" in self.cleaned_data and again != self.cleaned_data["password"]:
            raise ValidationError("The two passwords differ: type the same one twice.")
        return again


class TokenForm(forms.Form):
    """What a token is for and how long it lives."""

    name = forms.CharField(
        label="What is it for?", max_length=60, help_text="For example: R scripts on the office computer"
    )
    days = forms.IntegerField(
        label="Days it lives",
        initial=30,
        help_text=f"1 to {LONGEST.days}. It stops by itself afterwards.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "govuk-input--width-3"}),
    )


class RoleForm(forms.Form):
    """A role for a person, at one site or at all."""

    username = forms.CharField(label="User name", max_length=64, help_text="As the person signs in")
    role = forms.ChoiceField(
        label="Role",
        choices=[("", "Choose a role")]
        + [(r.value, f"{r.label}: {DESCRIPTIONS[r]}") for r in Role if r not in UNBLINDED_ROLES],
    )
    site = forms.ChoiceField(label="Site", required=False)

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = [(site.code, f"{site.code} {site.name}") for site in study.sites.all()]
        self.fields["site"].choices = [("", "All sites"), *sites]  # type: ignore[attr-defined]  # a ChoiceField


def show_refusal(form: forms.Form, message: str, fields: dict[str, str]) -> None:
    """Put a refusal beside the fields that it names, or over the form."""
    known = {name: text for name, text in fields.items() if name in form.fields}
    for name, text in known.items():
        form.add_error(name, text)
    if not known:
        form.add_error(None, message)
