"""The one error that is meant for the technician."""


class WorkbenchError(Exception):
    """Its text is a sentence: what happened, where, what to try. Caught once, in pingjia.py."""
