"""The one error that is meant for the person at the keyboard."""


class OperatorError(Exception):
    """What happened, where, and what to try, in one sentence; `cli` shows it and exits with 1."""
