"""Text that a spreadsheet opens without running it, and cells that it and every reader of CSV understand."""


def harmless(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula: names come from whoever made a file."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def cell(value: object) -> object:
    """Return a cell of a table: empty for none, true and false, text that runs nowhere, numbers as they are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else harmless(value) if isinstance(value, str) else value
