"""Autosave: JSON in, JSON out, whatever happens; a session that ended answers 401 instead of a redirect."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponseBase, JsonResponse
from django.views.decorators.http import require_POST

from ratings.answers import Answer
from ratings.selectors import assignment_of, rating_of
from ratings.services.drafts import Saved, save_changes
from ratings.views.wire import changes_from_json, known_version
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.clock import local
from studyportal.errors import InvalidInput, StudyError
from studyportal.middleware import status_of

LARGEST_BODY = 256 * 1024


def in_json(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer every refusal as JSON, a missing sign-in as 401."""

    @wraps(view)
    def answered(request: StudyRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return JsonResponse({"detail": "Your session ended. Sign in again to save."}, status=401)
        try:
            return view(request, *args, **kwargs)
        except StudyError as refusal:
            return JsonResponse(problem(refusal), status=status_of(refusal))

    return login_not_required(answered)


def problem(refusal: StudyError) -> dict[str, object]:
    """Return a refusal as the form's script reads it."""
    fields = refusal.fields if isinstance(refusal, InvalidInput) else {}
    errors = [{"item": int(name.removeprefix("item_")), "message": sentence} for name, sentence in fields.items()]
    return {"detail": refusal.message, "code": refusal.reason_code, "errors": errors}


@in_json
@requires(Permission.RATING_ENTER)
@require_POST
def changes(request: StudyRequest, code: str) -> JsonResponse:
    """Save a batch of changes of a draft against the version that the page knows (If-Match)."""
    assignment = assignment_of(request.user, request.study, code)
    header = request.headers.get("If-Match")
    if header is None:
        return JsonResponse({"detail": "Say with If-Match which version the page knows."}, status=428)
    version = known_version(header)
    if version is None:
        return JsonResponse({"detail": 'If-Match must be a version such as "v17".'}, status=400)
    if len(request.body) > LARGEST_BODY:
        return JsonResponse({"detail": "This is too much for one save. Shorten the notes."}, status=413)
    client, sent = changes_from_json(request.body)
    saved = save_changes(
        rating=rating_of(assignment), client=client, known_version=version, changes=sent, by=request.user
    )
    return JsonResponse(
        _reply(saved, assignment.session.participant.site.time_zone), status=412 if saved.conflicts else 200
    )


def _reply(saved: Saved, zone: str) -> dict[str, object]:
    return {
        "version": saved.version,
        "saved_at": f"{local(saved.saved_at, zone):%H:%M:%S}",
        "accepted": saved.accepted,
        "safety": saved.safety,
        "others": [_answer(item, answer) for item, answer in saved.others.items()],
        "conflicts": [{"item": c.item, "part": c.part, "yours": c.yours, "server": c.server} for c in saved.conflicts],
    }


def _answer(item: int, answer: Answer) -> dict[str, object]:
    return {"item": item, "value": answer.value, "missing_reason": answer.missing_reason, "note": answer.note}
