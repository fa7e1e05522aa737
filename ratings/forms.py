"""Forms of ratings: what is typed becomes what the services take; the services decide."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from ratings import scoring
from ratings.answers import Answer
from ratings.models import ItemCorrection, Rating
from ratings.windows import interview_end, paper_start
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.errors import InvalidInput, StudyError

DATES = ["%d %b %Y", "%d %B %Y", "%d/%m/%Y", "%Y-%m-%d"]
SCORES = [(str(value), str(value)) for value in range(scoring.LOWEST, scoring.HIGHEST + 1)]
PASSWORD = {"required": "Enter your password."}


class RefusableForm(forms.Form):
    """A form on which a service's refusal stands beside the field that it names."""

    def refuse(self, refusal: StudyError) -> None:
        """Put a refusal on the form."""
        fields = refusal.fields if isinstance(refusal, InvalidInput) else {}
        known = {name: sentence for name, sentence in fields.items() if name in self.fields}
        for name, sentence in known.items():
            self.add_error(name, sentence)
        if not known:
            self.add_error(None, refusal.message)


class StartForm(RefusableForm):
    """Asked once, before the interview opens: how do the scores reach the form?"""

    source = forms.ChoiceField(
        label="How will the scores reach this form?",
        choices=Rating.Source.choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": "Say whether you enter the scores during the interview or copy them from paper.",
            "invalid_choice": "Choose one of the two.",
        },
    )
    started_day = forms.DateField(
        label="If copied from paper: day of the interview",
        help_text="For example 23 Nov 2026",
        required=False,
        input_formats=DATES,
        widget=forms.TextInput,
        error_messages={"invalid": "Enter the day as 23 Nov 2026."},
    )
    started_time = forms.CharField(
        label="If copied from paper: time when it started", help_text="24-hour clock, for example 10:31",
        required=False, max_length=12, error_messages={"max_length": "Enter the time as 10:31."},
    )  # fmt: skip

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    def clean(self) -> dict[str, Any]:
        """Turn day and time of a paper interview into a moment."""
        said = super().clean() or {}
        said["started_at"] = None
        if said.get("source") == Rating.Source.PAPER and not self.errors:
            day = said.get("started_day")
            if day is None:
                self.add_error("started_day", "Enter the day on which the interview was held.")
                return said
            try:
                time = said.get("started_time", "")
                said["started_at"] = paper_start(day, time, now=clock.now(), zone=self.zone)
            except InvalidInput as refusal:
                self.refuse(refusal)
        return said


class SignForm(RefusableForm):
    """What the review asks for beside the scores. The password is never sent back."""

    ended_at = forms.CharField(required=False, max_length=12)
    source = forms.ChoiceField(
        choices=Rating.Source.choices,
        error_messages={
            "required": "Say whether the scores were entered during the interview or copied from paper.",
            "invalid_choice": "Choose one of the two.",
        },
    )
    safety_started = forms.BooleanField(required=False)
    password = forms.CharField(strip=False, max_length=256, error_messages=PASSWORD)

    def __init__(self, *args: Any, started_at: datetime.datetime, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.started_at, self.zone = started_at, zone

    def refuse_signing(self, refusal: StudyError) -> None:
        """Put a refusal beside its control; unanswered items are listed by the page itself."""
        if refusal.reason_code == "safety_step":
            self.add_error("safety_started", refusal.message)
        elif not isinstance(refusal, InvalidInput) or set(refusal.fields) & set(self.fields):
            self.refuse(refusal)

    def clean_ended_at(self) -> datetime.datetime:
        """Turn the clock time into a moment of the interview's night or day."""
        typed = self.cleaned_data["ended_at"]
        try:
            return interview_end(typed, started_at=self.started_at, now=clock.now(), zone=self.zone)
        except InvalidInput as refusal:
            raise forms.ValidationError(refusal.message) from None


class CorrectionForm(RefusableForm):
    """One score of a signed rating: which, to what, why, and the signature again."""

    item = forms.TypedChoiceField(
        label="Which item is wrong?", coerce=int,
        error_messages={"required": "Choose the item.", "invalid_choice": "Choose an item from 1 to 10."},
    )  # fmt: skip
    new_value = forms.TypedChoiceField(
        label="What is the right score?", coerce=int, choices=[("", "Choose a score"), *SCORES],
        error_messages={
            "required": "Choose the right score.", "invalid_choice": "A score is a whole number from 0 to 6.",
        },
    )  # fmt: skip
    reason = forms.ChoiceField(
        label="Why is it corrected?", choices=[("", "Choose a reason"), *ItemCorrection.Reason.choices],
        error_messages={"required": "Choose a reason.", "invalid_choice": "Choose one of the reasons offered."},
    )  # fmt: skip
    reason_text = forms.CharField(
        label="What happened, in a sentence", max_length=240,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": "Say in a sentence what happened.",
            "max_length": "Use at most 240 characters (%(show_value)d now).",
        },
    )  # fmt: skip
    password = forms.CharField(
        label="Your password", strip=False, max_length=256, error_messages=PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip

    def __init__(self, *args: Any, answers: Mapping[int, Answer], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lines = [
            (str(item), f"{item}. {scoring.TITLES[item]} (now {answers[item].words('answer')})")
            for item in scoring.ITEMS
        ]
        self.fields["item"].choices = [("", "Choose an item"), *lines]  # type: ignore[attr-defined]  # a choice field


class AssignForm(RefusableForm):
    """Which rater takes an assessment."""

    rater = forms.ChoiceField(
        label="Rater",
        error_messages={
            "required": "Choose a rater.",
            "invalid_choice": "Choose one of the raters offered; others are kept away from this session.",
        },
    )

    def __init__(self, *args: Any, possible: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.raters = {str(rater.pk): rater for rater in possible}
        names = [(key, rater.full_name) for key, rater in self.raters.items()]
        self.fields["rater"].choices = [("", "Choose a rater"), *names]  # type: ignore[attr-defined]  # a choice field

    def clean_rater(self) -> User:
        """Return the person."""
        return self.raters[self.cleaned_data["rater"]]


class AcknowledgeForm(RefusableForm):
    """What an investigator did about a safety alert."""

    action = forms.CharField(
        label="What was done, when and by whom",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": "Enter what was done, in a sentence.",
            "max_length": "Use at most 500 characters (%(show_value)d now).",
        },
    )
