"""The suite: the same code on throw-away services; only what would make tests slow or random differs."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("PORTAL_DATA", str(Path(tempfile.gettempdir()) / f"portal-test-{os.getpid()}"))

from studyportal.settings.base import *

DEBUG = False
SECRET_KEY = "tests-only-and-public"  # noqa: S105 - signs nothing but the suite's own cookies
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_BROKER_URL = os.environ.get("PORTAL_TEST_BROKER", CELERY_BROKER_URL)
AXES_ENABLED = False
REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"pull": None}}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
