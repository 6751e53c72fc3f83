"""A job done to boards while a person watches: bars on a terminal, a line for each."""

import sys
import textwrap

from rich.console import Console
from rich.progress import Progress

from hosting.error import OperatorError
from workbench.desk import bench


def work(names: list[str], job: bench.Job) -> None:
    """Does a job to all boards, with bars on a terminal; one line each; error if any failed."""
    failed = {}
    console = Console(stderr=True)
    with Progress(
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # else the results would leave with the bars
    ) as bars:
        bar = {name: bars.add_task(name, total=None) for name in names}

        def show(name: str, sent: int, total: int) -> None:
            bars.update(bar[name], completed=sent, total=total)

        for name, result in bench.work_on_all(names, job, show):
            if isinstance(result, OperatorError):
                failed[name] = str(result)
            else:
                print(result, flush=True)
            bars.remove_task(bar[name])
    if len(names) == 1 and failed:
        raise OperatorError(failed[names[0]])
    if failed:
        done = len(names) - len(failed)
        first = f"{done} of {len(names)} boards are done, {len(failed)} failed:"
        sentences = [_indented(text) for _, text in sorted(failed.items())]
        raise OperatorError("\n".join([first, *sentences]))


def _indented(text: str) -> str:
    paragraph = textwrap.TextWrapper(79, initial_indent="  ", subsequent_indent="    ")
    paragraph.break_long_words = paragraph.break_on_hyphens = False  # names of ports
    return paragraph.fill(text)
