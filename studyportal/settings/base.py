"""Settings that every installation shares.

`PORTAL_PROCESS` says which process this is; it decides the database login, the door, the URLs and the cookies:

    web           blinded door        portal_web
    worker        blinded worker      portal_worker   (beat runs as worker too)
    vault         unblinded door      portal_vault
    vault_worker  unblinded worker    portal_vault
    owner         migrations only     portal_owner
"""

import os
from pathlib import Path

from csp.constants import NONE, SELF

from studyportal.embedded.folder import runtime_folder
from studyportal.settings.database import database_from_environment, secret

BASE_DIR = Path(__file__).resolve().parent.parent.parent
PORTAL_DATA = Path(os.environ.get("PORTAL_DATA", BASE_DIR / "data")).resolve()
PORTAL_PROCESS = os.environ.get("PORTAL_PROCESS", "web")
PORTAL_DOOR = "vault" if PORTAL_PROCESS in {"vault", "vault_worker"} else "web"

SECRET_KEY = secret(f"{PORTAL_DOOR}_secret_key", PORTAL_DATA)
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "studyportal.apps.StudyPortalConfig",
    "studyportal.audit",
    "studyportal.studies",
    "studyportal.accounts",
    "participants",
    "sessions.apps.SessionsConfig",
    "sessions.allocation",
    "ratings",
    "studyportal.reports",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "studyportal.middleware.SecurityHeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "studyportal.audit.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "studyportal.accounts.middleware.StudyMiddleware",
    "studyportal.accounts.signing_pause.WrongPasswordMiddleware",
    "studyportal.middleware.StudyErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "studyportal.vault_urls" if PORTAL_DOOR == "vault" else "studyportal.urls"
WSGI_APPLICATION = "studyportal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "studyportal" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "studyportal.context_processors.portal",
            ],
            "builtins": ["studyportal.templatetags.portal"],
        },
    }
]
FORM_RENDERER = "studyportal.forms.PortalFormRenderer"

DATABASES = {"default": database_from_environment(PORTAL_PROCESS, PORTAL_DATA)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "studyportal.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Crossover study data"
MFA_FORMS = {
    "authenticate": "studyportal.accounts.second_factor.CodeForm",
    "reauthenticate": "studyportal.accounts.second_factor.CodeAgainForm",
}
ACCOUNT_FORMS = {"login": "studyportal.accounts.forms.SignInForm"}
PORTAL_REQUIRE_SECOND_FACTOR = False
# Acts that open the secret ask for a second factor that is no older than this.
PORTAL_STEP_UP_SECONDS = 300
PORTAL_HELP_LINE = os.environ.get("PORTAL_HELP_LINE", "")
PORTAL_SPONSOR_CONTACT = os.environ.get("PORTAL_SPONSOR_CONTACT", "Sponsor: see the pharmacy file")
# Where a colleague opens what was asked for him; stands in that one mail and on no page of the blinded door.
PORTAL_VAULT_URL = os.environ.get("PORTAL_VAULT_URL", "").rstrip("/")

AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_RESET_ON_SUCCESS = True

SESSION_COOKIE_NAME = f"portal_{PORTAL_DOOR}_session"
CSRF_COOKIE_NAME = f"portal_{PORTAL_DOOR}_csrf"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 5 * 60 if PORTAL_DOOR == "vault" else 30 * 60
SESSION_SAVE_EVERY_REQUEST = True
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_FAILURE_VIEW = "studyportal.error_pages.csrf_failure"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "study_files": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": PORTAL_DATA / "files", "file_permissions_mode": 0o600},
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
PORTAL_UPLOAD_LIMIT_BYTES = 2 * 1024**3
PORTAL_JOB_LEASE_SECONDS = float(os.environ.get("PORTAL_JOB_LEASE_SECONDS", "30"))
PORTAL_JOB_RESEND_SECONDS = float(os.environ.get("PORTAL_JOB_RESEND_SECONDS", "30"))
# An LCModel that the site installed; empty, and it is offered nowhere.
PORTAL_LCMODEL_BINARY = os.environ.get("PORTAL_LCMODEL_BINARY", "")
PORTAL_FIT_CPU_SECONDS = int(os.environ.get("PORTAL_FIT_CPU_SECONDS", "60"))

PORTAL_IDENTITY_KEY_FILE = PORTAL_DATA / "secrets" / "identity_key"
PORTAL_VAULT_KEY_FILE = PORTAL_DATA / "secrets" / "vault_private_key"
PORTAL_VAULT_PUBLIC_KEY_FILE = PORTAL_DATA / "secrets" / "vault_public_key"
PORTAL_QUARANTINE_PUBLIC_KEY_FILE = PORTAL_DATA / "secrets" / "quarantine_public_key"

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = PORTAL_DATA / "mail"
DEFAULT_FROM_EMAIL = "Crossover study data <no-reply@portal.invalid>"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "studyportal.accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["studyportal.accounts.authentication.Refused"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.NamespaceVersioning",
    "DEFAULT_VERSION": "v1",
    "ALLOWED_VERSIONS": ["v1"],
    "EXCEPTION_HANDLER": "studyportal.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_THROTTLE_RATES": {"pull": "600/min"},
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Crossover study data API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["studyportal.accounts.authentication.Refused"],
    "DISABLE_ERRORS_AND_WARNINGS": False,
}

CELERY_BROKER_URL = os.environ.get(
    "CELERY_BROKER_URL", f"redis+socket://{runtime_folder(PORTAL_DATA) / 'redis.sock'}?virtual_host=0"
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "studyportal.log_lines.AllowListFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
