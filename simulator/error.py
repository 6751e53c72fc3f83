"""The one error that is meant for the person at the terminal."""


class SimulatorError(Exception):
    """Its text is a sentence: what happened, what to try. Caught once, in pingjia.py."""
