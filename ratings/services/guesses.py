"""Writing down what a participant or a rater believes was given: once, after the interviews, never changed."""

from django.db import IntegrityError, transaction

from ratings.models import TreatmentGuess
from ratings.selectors_guesses import GuessLine, participant_line, rater_line
from sessions.models import StudySession, Treatment
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Study

DONT_KNOW = "dont_know"


@transaction.atomic
def guess_as_rater(*, study: Study, code: str, treatment: str, certainty: str, reason: str, by: User) -> TreatmentGuess:
    """Write down the rater's own guess about the session of one of the rater's signed interviews.

    Raises:
        NotPermitted: the role does not include rating.
        NotFound: the rater has no signed interview of this code, or another one of the session is open.
        InvalidInput: an answer is missing or impossible.
        InvalidState: the rater has guessed already.
    """
    line = rater_line(by, study, code)
    participant = line.session.participant
    check(by, Permission.RATING_ENTER, study, participant.site)
    return _written(line, TreatmentGuess.Guesser.RATER, treatment, certainty, reason, by=by)


@transaction.atomic
def guess_of_participant(
    *, study: Study, number: str, period: int, treatment: str, certainty: str, reason: str, by: User
) -> TreatmentGuess:
    """Write down the participant's guess about one session, in the participant's words.

    Raises:
        NotPermitted: the role does not include it at this site.
        NotFound: there is no such session at the person's sites, or an interview of it is open.
        InvalidInput: an answer is missing or impossible.
        InvalidState: the participant was asked already.
    """
    line = participant_line(by, study, number, period)
    check(by, Permission.GUESS_RECORD, study, line.session.participant.site)
    return _written(line, TreatmentGuess.Guesser.PARTICIPANT, treatment, certainty, reason, by=by)


def _written(
    line: GuessLine, guesser: TreatmentGuess.Guesser, treatment: str, certainty: str, reason: str, *, by: User
) -> TreatmentGuess:
    session = line.session
    guessed = _treatment(session, treatment)
    fields = {}
    if guessed is not None and certainty not in TreatmentGuess.Certainty.values:
        fields["certainty"] = "Say how sure."
    if guessed is not None and reason not in TreatmentGuess.Reason.values:
        fields["reason"] = "Say what it rests on most."
    if fields:
        raise InvalidInput("Some answers are missing.", fields=fields)
    try:
        with transaction.atomic():
            made = TreatmentGuess.objects.create(
                session=session, guesser=guesser, treatment=guessed, certainty=certainty if guessed else "",
                reason=reason if guessed else "", entered_by=by,
            )  # fmt: skip
    except IntegrityError:
        raise InvalidState("This guess was written down already; it is not changed afterwards.") from None
    participant = session.participant
    events.record("treatment guessed", study=participant.study.code, target=f"{participant.number} {guesser}")
    return made


def _treatment(session: StudySession, said: str) -> Treatment | None:
    if said == DONT_KNOW:
        return None
    options = {str(one.pk): one for one in Treatment.objects.filter(study=session.participant.study)}
    if said not in options:
        raise InvalidInput("Choose an answer.", fields={"treatment": "Choose one of the answers."})
    return options[said]
