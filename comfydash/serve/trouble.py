"""Why ``serve`` cannot start."""


class CannotStart(Exception):
    """Carries a sentence for the person at the terminal, with what to do about it."""
