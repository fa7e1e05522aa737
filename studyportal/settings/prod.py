"""Ordinary servers: HTTPS only, secrets from files, files in an object store; refuses to start half-configured."""

import os
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

from studyportal.settings.base import *
from studyportal.settings.required import DOORS, refuse_half_configured

refuse_half_configured(os.environ)

DEBUG = False
PORTAL_REQUIRE_SECOND_FACTOR = True


def content(variable: str) -> str:
    """Return the text of the file that a variable names, or nothing where this process has no such variable."""
    path = os.environ.get(variable)
    return Path(path).read_text().strip() if path else ""


# A worker signs nothing: it gets no key of a door.
SECRET_KEY = content(f"{PORTAL_DOOR.upper()}_SECRET_KEY_FILE") or secrets.token_urlsafe(48)

PORTAL_HOST = os.environ.get("PORTAL_HOST", "")
ALLOWED_HOSTS = [PORTAL_HOST] if PORTAL_PROCESS in DOORS else []
CSRF_TRUSTED_ORIGINS = [f"https://{PORTAL_HOST}"] if PORTAL_PROCESS in DOORS else []

# The proxy ends TLS, removes this header from what comes in and sets it itself.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SESSION_COOKIE_NAME = f"__Host-portal_{PORTAL_DOOR}_session"
CSRF_COOKIE_NAME = f"__Host-portal_{PORTAL_DOOR}_csrf"
AXES_CLIENT_IP_CALLABLE = "studyportal.accounts.client_address.behind_proxy"

for name in (
    "PORTAL_IDENTITY_KEY_FILE", "PORTAL_VAULT_KEY_FILE", "PORTAL_VAULT_PUBLIC_KEY_FILE",
    "PORTAL_QUARANTINE_PUBLIC_KEY_FILE",
):  # fmt: skip
    globals()[name] = Path(os.environ.get(name, "/nonexistent"))

CELERY_BROKER_URL = content("CELERY_BROKER_URL_FILE")

STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "studyportal.static_files.HashedStaticFiles"},
    "study_files": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "endpoint_url": os.environ.get("PORTAL_S3_ENDPOINT"),
            "bucket_name": os.environ.get("PORTAL_S3_BUCKET"),
            "access_key": content("PORTAL_S3_ACCESS_KEY_FILE"),
            "secret_key": content("PORTAL_S3_SECRET_KEY_FILE"),
            "region_name": os.environ.get("PORTAL_S3_REGION", "us-east-1"),
            "addressing_style": "path",
            "file_overwrite": True,
            "default_acl": None,
            "querystring_auth": True,
        },
    },
}

_mail = urlsplit(os.environ.get("EMAIL_URL", ""))
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST, EMAIL_PORT = _mail.hostname or "", _mail.port or 587
EMAIL_HOST_USER = unquote(_mail.username or "")
EMAIL_HOST_PASSWORD = content("EMAIL_PASSWORD_FILE")
EMAIL_USE_SSL = _mail.scheme == "smtps"
EMAIL_USE_TLS = bool(EMAIL_HOST_USER) and not EMAIL_USE_SSL
EMAIL_TIMEOUT = 5  # an emergency unblinding waits for it
DEFAULT_FROM_EMAIL = os.environ.get("PORTAL_MAIL_FROM", f"Crossover study data <no-reply@{PORTAL_HOST}>")
