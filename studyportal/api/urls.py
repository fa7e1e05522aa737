"""The API of the blinded door."""

from studyportal.api.routes import mounted
from studyportal.api.tables import TABLES
from studyportal.api.views import TableView

urlpatterns = mounted(TABLES, TableView)
