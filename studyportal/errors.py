"""Errors of the domain, mapped to HTTP only at the edge.

StudyError            something the study's rules refuse; the message says what to do
|-- NotPermitted      this person's role does not include the act            (403)
|-- NotFound          does not exist, or is not this person's to know        (404)
|-- InvalidState      the record is not in a state that allows the act       (409)
|-- InvalidInput      a value breaks a rule; `field` names it                (422)
`-- BlindingViolation the act would show or take what the blind protects     (404)
"""

from collections.abc import Mapping
from typing import ClassVar


class StudyError(Exception):
    """A refusal with a sentence for people and a stable code for programs.

    The message is shown to the person as it stands, so it may never hold a value that depends on the allocation.
    """

    code: ClassVar[str] = "study_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason_code = code or self.code


class NotPermitted(StudyError):
    """The person's roles in this study do not include the act."""

    code = "not_permitted"


class NotFound(StudyError):
    """The record does not exist, or the person may not know that it does."""

    code = "not_found"


class InvalidState(StudyError):
    """The record's state forbids the transition."""

    code = "invalid_state"


class InvalidInput(StudyError):
    """One or more values break a rule.

    `fields` maps a field's name to the sentence that belongs beside it.
    """

    code = "invalid_input"

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.fields = dict(fields or {})


class BlindingViolation(StudyError):
    """The act would reveal, or use, what the blind protects."""

    code = "not_found"
