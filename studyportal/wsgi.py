"""WSGI entry point of both doors; PORTAL_PROCESS says which."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyportal.settings.dev")

application = get_wsgi_application()
