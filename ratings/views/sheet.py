"""What the MADRS form's template is given: one place for the first view and for every refusal."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from ratings import scoring
from ratings.answers import BLANK, REASONS, Answer
from ratings.forms import SignForm
from ratings.models import Rating, RatingAssignment
from ratings.selectors import answers_of, has_alert, scores_of
from ratings.services.drafts import Saved, answers_at, save_changes
from ratings.services.signing import gaps
from ratings.views.wire import changes_from_form, edited_texts, posted_version, texts_of
from studyportal import clock
from studyportal.accounts.access import StudyRequest
from studyportal.errors import InvalidInput, StudyError

# Which control of the page a refused field of the signature belongs to.
SIGNING_FIELDS = {"ended_at": "#ended", "source": "#source", "safety_started": "#ack", "password": "#password"}
Texts = Mapping[int, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A sentence and the control that it belongs to."""

    message: str
    href: str = ""


def show_sheet(
    request: StudyRequest, assignment: RatingAssignment, rating: Rating, *, version: int | None = None,
    typed: Texts | None = None, signing: SignForm | None = None, faults: Sequence[Fault] = (), status: int = 200,
) -> HttpResponse:  # fmt: skip
    """Return the form's page as of `version` (the newest); `typed` answers were not saved and stay on the page."""
    participant = assignment.session.participant
    names = ("changes", "save", "sign")
    urls = {f"{name}_url": reverse(f"rating-{name}", args=[assignment.code]) for name in names}
    answers = answers_of(rating) if version is None else answers_at(rating, version)
    context = {
        "assignment": assignment, "rating": rating, "pack": rating.pack, "participant": participant,
        "version": version or rating.version, "zone": participant.site.time_zone,
        "zone_name": clock.local(rating.started_at, participant.site.time_zone).tzname(),
        "items": _items(rating, participant.study.item10_threshold, answers, typed or {}),
        "missing_reasons": list(REASONS.items()), "client": uuid.uuid4(), "signing": signing, "faults": faults,
        "reopen": signing is not None and any(name in signing.errors for name in SIGNING_FIELDS),
        "has_alert": has_alert(rating), "threshold": participant.study.item10_threshold,
        "again_url": reverse("sign-in-again"), "worklist_url": reverse("rating-worklist"),
        "idle_seconds": request.session.get_expiry_age(), **urls,
    }  # fmt: skip
    return render(request, "ratings/madrs_form.html", context, status=status)


def save_posted(request: StudyRequest, assignment: RatingAssignment, rating: Rating) -> Saved | HttpResponse:
    """Save what a posted page changed; return the page again, with all that was typed, when it is refused."""
    try:
        version = posted_version(request.POST, rating.version)
    except InvalidInput as refusal:
        return show_sheet(request, assignment, rating, faults=faults_of(refusal), status=422)
    shown = answers_at(rating, version)
    typed = edited_texts(request.POST, shown)
    try:
        client, changes = changes_from_form(request.POST, shown, typed)
        saved = save_changes(rating=rating, client=client, known_version=version, changes=changes, by=request.user)
    except InvalidInput as refusal:
        faults = faults_of(refusal)
        return show_sheet(request, assignment, rating, version=version, typed=typed, faults=faults, status=422)
    if saved.conflicts:
        return show_sheet(request, assignment, rating, typed=typed, faults=_both_values(saved), status=409)
    return saved


def faults_of(refusal: StudyError) -> list[Fault]:
    """Return a refusal as lines of the page's error summary."""
    fields = refusal.fields if isinstance(refusal, InvalidInput) else {}
    lines = [Fault(sentence, _href(name)) for name, sentence in fields.items()]
    return lines or [Fault(refusal.message)]


def faults_of_signing(form: SignForm, rating: Rating) -> list[Fault]:
    """Return what keeps a rating from being signed: unanswered items first, then what the review asks for."""
    lines = [Fault(sentence, _href(name)) for name, sentence in gaps(scores_of(rating)).items()]
    return lines + [Fault(str(error), _href(name)) for name, errors in form.errors.items() for error in errors]


def faults_of_others(saved: Saved) -> list[Fault]:
    """Return which answers another window wrote that the posted page did not show."""
    return [Fault(f"Item {item} was changed in another window. Look at it, then sign.", f"#i{item}")
            for item in saved.others]  # fmt: skip


def _href(name: str) -> str:
    return f"#i{name.removeprefix('item_')}" if name.startswith("item_") else SIGNING_FIELDS.get(name, "")


def _both_values(saved: Saved) -> list[Fault]:
    return [
        Fault(
            f"Item {c.item}: another window has “{c.server}”, this page “{c.yours}”. "
            "Save again to keep what this page shows, or change it first.",
            f"#i{c.item}",
        )
        for c in saved.conflicts
    ]


def _items(rating: Rating, threshold: int, answers: Mapping[int, Answer], typed: Texts) -> list[dict[str, object]]:
    """Return the ten items with the pack's wording and the answers: the typed ones where there are any."""
    wording = {entry["number"]: entry for entry in rating.pack.content["items"]}
    items = []
    for number in scoring.ITEMS:
        words, shown = wording[number], typed.get(number) or texts_of(answers.get(number, BLANK))
        options = [
            {"value": str(value), "anchor": words.get("anchors", {}).get(str(value), "")}
            for value in range(scoring.LOWEST, scoring.HIGHEST + 1)
        ]
        alert_at = threshold if number == scoring.SUICIDAL_ITEM else None
        items.append({
            "number": number, "title": words["title"], "definition": words.get("definition", ""),
            "options": options, "alert_at": alert_at, **shown,
        })  # fmt: skip
    return items
