"""The Celery app and the one task decorator.

The job row in PostgreSQL is the truth and the broker a carrier: arguments are ids, results are off, a lost message is
sent again by the sweeper, and a repeated one finds the row taken.
"""

import functools
import logging
import os
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.schedules import schedule

from studyportal.audit.context import acting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyportal.settings.dev")
logger = logging.getLogger(__name__)

app = Celery("studyportal")
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_time_limit=300,
    task_soft_time_limit=270,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    task_default_queue="quantification",
    # A queue of its own: a message does not wait behind a fit, and its worker alone reaches the mail server.
    task_routes={"sessions.send_mail": {"queue": "mail"}},
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 360,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
    },
    timezone="UTC",
    beat_schedule={
        "sweep-quantifications": {"task": "sessions.sweep_quantifications", "schedule": schedule(10.0)},
        "complete-randomizations": {"task": "sessions.complete_randomizations", "schedule": schedule(10.0)},
        "send-mail": {"task": "sessions.send_mail", "schedule": schedule(30.0)},
        "check-files": {"task": "sessions.check_files", "schedule": schedule(24 * 3600.0)},
    },
)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def task(name: str, **options: Any) -> Callable[[Callable[..., None]], Any]:
    """Declare a task: an id in, nothing out, the audit actor set, an error logged and raised.

    `options` are Celery's, for a task that runs longer than a fit. The name is fixed by hand: it stands in the broker
    and in logs, where nothing may depend on an allocation.
    """

    def decorate(run: Callable[..., None]) -> Any:  # Any: Celery's task proxy has no useful static type
        @functools.wraps(run)
        def logged(*args: str) -> None:
            with acting(f"system:{name}:{args[0] if args else '-'}"):
                try:
                    run(*args)
                except Exception:
                    logger.exception("task failed", extra={"task": name, "job": args[0] if args else ""})
                    raise

        return app.task(name=name, **options)(logged)  # type: ignore[no-untyped-call]  # Celery has no types

    return decorate
