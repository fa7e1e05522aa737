"""Forms of the participant pages; they check shape only, the services decide."""

from collections.abc import Iterable
from typing import Any

from django import forms

from participants.models import EligibilityAssessment, EligibilityCriterion, Participant, ScreenFailure, Withdrawal
from studyportal.fields import DateField
from studyportal.studies.models import Site

PASSWORD = forms.PasswordInput(attrs={"autocomplete": "current-password"})
NOTE = forms.Textarea(attrs={"rows": 3})


class FilterForm(forms.Form):
    """Search and filters of the list; an unknown value filters nothing."""

    search = forms.CharField(label="Number", required=False, max_length=20)
    status = forms.ChoiceField(label="Status", required=False, choices=[("", "All"), *Participant.Status.choices])
    site = forms.ChoiceField(label="Site", required=False)

    def __init__(self, *args: Any, sites: Iterable[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].choices = [("", "All"), *((s.code, str(s)) for s in sites)]  # type: ignore[attr-defined]


class ScreenForm(forms.Form):
    """Who is screened, where; name, birth date and contact are sealed."""

    site = forms.ChoiceField(label="Site", widget=forms.RadioSelect, error_messages={"required": "Choose the site."})
    full_name = forms.CharField(
        label="Full name", max_length=120, error_messages={"required": "Enter the person's full name."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    born_on = DateField(label="Date of birth", help_text="For example, 4 5 1992")
    sex = forms.ChoiceField(
        label="Sex", help_text="As recorded for stratification", widget=forms.RadioSelect,
        choices=Participant.Sex.choices, error_messages={"required": "Choose female or male."},
    )  # fmt: skip
    contact = forms.CharField(
        label="Telephone or e-mail (optional)", required=False, max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def __init__(self, *args: Any, sites: Iterable[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sites = {site.code: site for site in sites}
        self.fields["site"].choices = [(s.code, str(s)) for s in self.sites.values()]  # type: ignore[attr-defined]
        if len(self.sites) == 1:
            self.fields["site"].initial = next(iter(self.sites))


class ConsentForm(forms.Form):
    """A signed consent form."""

    form_version = forms.CharField(
        label="Version of the form", max_length=12, help_text="As printed on it, for example 3.1",
        widget=forms.TextInput(attrs={"class": "govuk-input--width-5", "autocomplete": "off"}),
        error_messages={"required": "Enter the version printed on the form, for example 3.1."},
    )  # fmt: skip
    signed_on = DateField(label="Day on which the participant signed")


class ConsentVersionForm(forms.Form):
    """The next version of the form, and its first day."""

    version = forms.CharField(
        label="Version of the form", max_length=12, help_text="As printed on it, for example 3.1",
        widget=forms.TextInput(attrs={"class": "govuk-input--width-5", "autocomplete": "off"}),
        error_messages={"required": "Enter the version printed on the form, for example 3.1."},
    )  # fmt: skip
    valid_from = DateField(label="First day of use")


class ConsentWithdrawalForm(forms.Form):
    """That the participant takes consent back."""

    withdrawn_on = DateField(label="Day on which the participant withdrew consent")
    reason = forms.CharField(
        label="How the participant told the site", max_length=240, widget=NOTE,
        error_messages={"required": "Say in a few words how the participant told the site."},
    )  # fmt: skip


class EligibilityForm(forms.Form):
    """Every criterion of the protocol, yes or no."""

    YES_NO = (("yes", "Yes"), ("no", "No"))

    def __init__(
        self,
        *args: Any,
        criteria: Iterable[EligibilityCriterion],
        assessment: EligibilityAssessment | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        known = assessment.answers if assessment else {}
        for criterion in criteria:
            self.fields[criterion.code] = forms.ChoiceField(
                label=f"{criterion.code}  {criterion.text}",
                help_text="Must apply" if criterion.kind == EligibilityCriterion.Kind.INCLUSION else "Must not apply",
                choices=self.YES_NO,
                widget=forms.RadioSelect,
                initial={True: "yes", False: "no", None: None}[known.get(criterion.code)],
                error_messages={"required": "Answer yes or no."},
            )

    def answers(self) -> dict[str, bool]:
        """Return the answers as the service takes them."""
        return {code: value == "yes" for code, value in self.cleaned_data.items()}


class SignForm(forms.Form):
    """The password that makes a signature."""

    password = forms.CharField(
        label="Your password", widget=PASSWORD, strip=False, error_messages={"required": "Enter your password to sign."}
    )


class LeavingForm(forms.Form):
    """Why and when a participant left."""

    reason = forms.ChoiceField(
        label="Reason", widget=forms.RadioSelect, error_messages={"required": "Choose a reason."}
    )
    note = forms.CharField(label="Note (optional)", required=False, max_length=500, widget=NOTE)


class WithdrawForm(LeavingForm):
    """Withdrawal after randomization or before."""

    withdrawn_on = DateField(label="Day of withdrawal")
    field_order = ("reason", "withdrawn_on", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].choices = Withdrawal.Reason.choices  # type: ignore[attr-defined]


class ScreenFailureForm(LeavingForm):
    """Screening that ends without randomization."""

    failed_on = DateField(label="Day on which screening ended")
    field_order = ("reason", "failed_on", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].choices = ScreenFailure.Reason.choices  # type: ignore[attr-defined]
