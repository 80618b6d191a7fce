"""What a person sees while the demonstration runs: bars in a terminal, plain lines elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

PLAIN_LINE_EVERY_S = 5.0

Advance = Callable[[int], None]
"""Tells a stage that so many more of its steps are done."""


class Display:
    """Shows one stage at a time on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """Print one line (rich markup allowed)."""
        self._console.print(line, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Advance]:
        """Show a stage of ``total`` steps (None: unknown) until the block ends."""
        if self._console.is_terminal:
            with self._bar(title, total) as advance:
                yield advance
        else:
            with self._lines(title, total) as advance:
                yield advance

    @contextlib.contextmanager
    def _bar(self, title: str, total: int | None) -> Iterator[Advance]:
        count = MofNCompleteColumn() if total else TextColumn("")
        progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("{task.description:<44}"),
            BarColumn(bar_width=28),
            count,
            TimeElapsedColumn(),
            console=self._console,
        )
        with progress:
            task = progress.add_task(title, total=total)
            yield lambda steps: progress.advance(task, steps)
            # A stage that ended early (everything was there already) is a finished one.
            progress.update(task, total=total or 1, completed=total or 1)

    @contextlib.contextmanager
    def _lines(self, title: str, total: int | None) -> Iterator[Advance]:
        started = last_line = time.monotonic()
        done = 0

        def advance(steps: int) -> None:
            nonlocal done, last_line
            done += steps
            now = time.monotonic()
            if total and now - last_line >= PLAIN_LINE_EVERY_S:
                last_line = now
                self._console.print(f"{title}: {done:,} of {total:,}", highlight=False, soft_wrap=True)

        yield advance
        count = f" {total:,}" if total else ""
        self._console.print(
            f"{title}:{count} done in {time.monotonic() - started:.1f} s", highlight=False, soft_wrap=True
        )
