"""The embedded portal on one machine: loopback only, no TLS, no debug pages."""

from studyportal.settings.base import *

DEBUG = False
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
AXES_VERBOSE = False
