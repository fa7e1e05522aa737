"""The REST API, version 1, of both doors."""
