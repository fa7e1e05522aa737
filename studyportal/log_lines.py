"""Log lines by an allow-list: what is not named here does not reach a log."""

import json
import logging

ALLOWED = ("task", "job", "status", "method", "door", "code")


class AllowListFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, the message's constant text, and allowed extras.

    The message's arguments are left out for every logger but the portal's own start-up: they may hold a path with a
    number, a user's name or a value.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "logger": record.name,
            "message": str(record.msg),
        }
        line |= {key: getattr(record, key) for key in ALLOWED if hasattr(record, key)}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["where"] = self._where(record)
        return json.dumps(line, default=str)

    @staticmethod
    def _where(record: logging.LogRecord) -> str:
        """Return file and line of the innermost frame: enough to find the fault, without any value."""
        trace = record.exc_info[2] if record.exc_info else None
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
