"""The backend: Django's own, with one statement more at the start of a transaction."""

from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from studyportal.audit.context import NOBODY, SEND, current, parameters


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL with the actor and reason of the present context in every transaction."""

    def _set_autocommit(self, autocommit: bool) -> None:  # noqa: FBT001 - Django's signature
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs do not know it
        if not autocommit:
            self.send_acting()

    def send_acting(self) -> None:
        """Send who acts as transaction-local settings; silent when nobody does or the transaction is broken."""
        raw: Any = self.connection  # psycopg's connection, or a pool's proxy of it
        if raw.info.transaction_status == TransactionStatus.INERROR:
            return
        if (now := current()) is not NOBODY or self.in_atomic_block:
            raw.execute(SEND, parameters(now))
