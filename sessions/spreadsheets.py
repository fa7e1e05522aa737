"""Text that a spreadsheet opens without running it."""


def harmless(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula: names come from whoever made a file."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
