"""For building the image: enough to collect static files, and no secret."""

from studyportal.settings.base import *

STORAGES = STORAGES | {"staticfiles": {"BACKEND": "studyportal.static_files.HashedStaticFiles"}}
