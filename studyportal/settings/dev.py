"""The embedded portal on one machine: loopback only, no TLS, no debug pages."""

from studyportal.settings.base import *

DEBUG = False
STATIC_ROOT = PORTAL_DATA / "static"
WHITENOISE_MAX_AGE = 0
# Everything in the data folder is its owner's alone, the copies of static files too.
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
AXES_VERBOSE = False
# Nobody reaches a treatment with a password alone, not even on a laptop.
PORTAL_REQUIRE_SECOND_FACTOR = PORTAL_DOOR == "vault"
