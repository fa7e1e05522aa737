"""The API of the unblinded door."""

from studyportal.api.routes import mounted
from studyportal.api.unblinded_tables import UNBLINDED_TABLES
from studyportal.api.views import UnblindedTableView

urlpatterns = mounted(UNBLINDED_TABLES, UnblindedTableView)
