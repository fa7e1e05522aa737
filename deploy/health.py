"""Asks a door's own process whether it and its database answer; for container health checks."""

import http.client
import os
import sys

connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=4)
connection.request("GET", "/healthz", headers={"Host": os.environ["PORTAL_HOST"]})
sys.exit(0 if connection.getresponse().status == http.HTTPStatus.OK else 1)
