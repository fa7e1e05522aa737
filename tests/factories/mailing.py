"""Sends what the outbox holds, as its worker does."""

from django.core import mail

from sessions.services import outbox
from tests.conftest import database_role


def delivered() -> list[mail.EmailMessage]:
    """Send what waits, with the worker's privileges; return every message sent in this test."""
    with database_role("portal_worker"):
        outbox.deliver()
    return mail.outbox
