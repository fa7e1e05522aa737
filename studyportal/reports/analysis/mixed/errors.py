"""What cannot be fitted, said in a sentence that tells what to do."""


class ModelError(ValueError):
    """The table, the formula and the design do not make a model; the message is a sentence for the person who asked."""
