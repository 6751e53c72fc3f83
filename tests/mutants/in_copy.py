"""A pytest plugin for the run inside a copy of the tree: writes what became of each test.

Into the file that MUTANTS_REPORT names: {"passed": [node ids], "failed": […], "error": […],
"skipped": […], "strangers": [modules of ours that were not the copy's]}.
"""

import json
import os
import sys
from pathlib import Path

from sitecustomize import OURS, TREE

_told = {"passed": [], "failed": [], "error": [], "skipped": []}


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome == "skipped":
        _told[report.outcome].append(report.nodeid)
    elif report.failed:  # a fixture's fault is no verdict on the code
        _told["error"].append(report.nodeid)


def pytest_collectreport(report):
    if report.failed:
        _told["error"].append(report.nodeid)


def pytest_sessionfinish():
    strangers = [
        name
        for name, module in sys.modules.items()
        if name.split(".")[0] in OURS
        and (path := getattr(module, "__file__", None))
        and TREE not in Path(path).resolve().parents
    ]
    report = {**_told, "strangers": strangers}
    Path(os.environ["MUTANTS_REPORT"]).write_text(json.dumps(report))
