"""What stops an operator's command."""


class Refused(Exception):
    """Something that only the operator can put right; the message says what and how. Nothing was changed."""


class Failed(Exception):
    """A step was begun and did not succeed; the message says how things are now."""
