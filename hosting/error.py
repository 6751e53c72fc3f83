"""The one error that is meant for the person who must act."""


class OperatorError(Exception):
    """Its text is a sentence: what happened, where, what to try. Caught once, in pingjia.py."""
