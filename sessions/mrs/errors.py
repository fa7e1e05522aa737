"""What can be wrong with a file or a request: one error, with a stable code and a sentence for a radiographer.

Poor quality is not an error: it is a value (`quality`) and a flag of the result.
"""


class MrsError(Exception):
    """A file or setting that no number may be computed from.

    Parameters
    ----------
    code
        Stable, machine-readable, in kebab-case; listed in docs/reference/formats.md.
    message
        One or two sentences that say what is wrong and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def document(self) -> dict[str, dict[str, str]]:
        """Return the JSON object that the command line prints."""
        return {"error": {"code": self.code, "message": self.message}}
