"""What the messages of the outbox say, put together when they are sent: no treatment, no identity of a participant."""

from dataclasses import dataclass

from sessions.models import OutboxMessage
from sessions.services import receipts

SITE_BODY = """{number} of {study} was randomized.

Randomization number: {randomization_number}
Time: {time}
By: {by}

The receipt is attached. This message carries no treatment on purpose; the treatment is hidden.
"""
PHARMACY_BODY = """An allocation of {study} waits for you.

Sign in at the unblinded door and open Allocations. This message carries neither participant nor treatment on purpose.
"""
CUSTODIAN_BODY = """A site of {study} asked for a randomization that could not be given.

Sign in at the unblinded door and look at the randomization lists: one must be approved and reach every stratum.
"""


@dataclass(frozen=True, slots=True)
class Text:
    """A message as it is sent."""

    subject: str
    body: str
    attachment: bytes | None = None
    attachment_name: str = ""


def text_of(row: OutboxMessage) -> Text:
    """Return what a message says."""
    if row.kind == OutboxMessage.Kind.ALLOCATION_WAITS:
        return Text("An allocation waits", PHARMACY_BODY.format(study=row.study.name))
    participant = row.participant
    if participant is None:
        return Text("Randomization is not available", CUSTODIAN_BODY.format(study=row.study.name))
    facts = receipts.facts_of(participant)
    body = SITE_BODY.format(
        number=participant.number, study=row.study.name, randomization_number=participant.randomization_number,
        time=f"{facts.local_time} ({facts.utc_time})", by=facts.by,
    )  # fmt: skip
    pdf = receipts.receipt_pdf(participant, printed=f"Sent by the portal, {facts.local_time}")
    return Text(f"{participant.number} is randomized", body, pdf, receipts.file_name(participant))
