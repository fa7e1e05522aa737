"""The embedded portal on one machine: loopback only, no TLS, no debug pages."""

from studyportal.settings.base import *  # noqa: F403 - settings modules build on each other

DEBUG = False
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
