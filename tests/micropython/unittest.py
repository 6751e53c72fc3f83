"""What the shared tests use of unittest, for an interpreter that has none (the unix port).

`main(module)` runs the module's tests, prints what unittest prints and exits with 1 if one failed
or none ran.
"""

import sys


class TestCase:
    """One test is one instance, as with the real one."""

    def assertTrue(self, value, message=None):
        assert value, message or f"{value!r} is not true"

    def assertFalse(self, value):
        self.assertTrue(not value, f"{value!r} is not false")

    def assertEqual(self, found, expected):
        self.assertTrue(found == expected, f"{found!r} != {expected!r}")

    def assertIn(self, one, many):
        self.assertTrue(one in many, f"{one!r} is not in {many!r}")

    def assertRaises(self, kind, function=None, *arguments):
        if function is None:
            return _Raises(kind)
        with _Raises(kind):
            function(*arguments)

    def fail(self, message):
        raise AssertionError(message)

    def subTest(self, *_, **values):
        return _SubTest(values)


class _Raises:
    def __init__(self, kind):
        self._kind = kind
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        assert kind is not None, f"{self._kind.__name__} was not raised"
        self.exception = error
        return issubclass(kind, self._kind)


class _SubTest:
    """The first that fails ends its test, after saying with which values."""

    def __init__(self, values):
        self._values = values

    def __enter__(self):
        pass

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self._values)


def main(module="__main__"):
    names, failed = [], 0
    for case in _cases(__import__(module)):
        for name in dir(case):
            if name.startswith("test"):
                names.append(name)
                try:
                    getattr(case(), name)()
                except Exception as error:
                    failed += 1
                    print(f"FAIL: {name}")
                    sys.print_exception(error)
    print(f"Ran {len(names)} tests")
    print("FAILED" if failed else "OK")
    sys.exit(1 if failed or not names else 0)


def _cases(module):
    return [getattr(module, name) for name in dir(module) if name.startswith("Test")]
