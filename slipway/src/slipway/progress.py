"""What a person sees while the platform works: one line per step, alive while it runs.

On a terminal the running steps spin with their time; elsewhere (CI, a pipe) each step prints a line
when it starts and one when it is done, so that a log shows where the time went.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

# Outside a terminal: how often a long step repeats its latest news.
NEWS_SECONDS = 5.0
Say = Callable[[str], None]


@dataclass
class Steps:
    """Reports steps on `console`; steps may run in several threads at once."""

    console: Console = field(default_factory=lambda: Console(highlight=False))

    def __post_init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._live = Progress(*columns, console=self.console, transient=True)
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the running steps on the screen while the block runs."""
        if not self.console.is_terminal:
            yield
            return
        with self._live:
            yield

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Show `title` while the block runs; call what it yields with news, the last of which stays."""
        began = time.monotonic()
        news: list[str] = []
        say = self._reporter(title, news)
        try:
            yield say
        except BaseException:
            self._finish(title, "[red]✗[/red]", news, began)
            raise
        self._finish(title, "[green]✓[/green]", news, began)

    def _reporter(self, title: str, news: list[str]) -> Say:
        if self.console.is_terminal:
            task = self._tasks[title] = self._live.add_task(title)

            def spin(text: str) -> None:
                news.append(text)
                self._live.update(task, description=f"{title}: {text}")

            return spin
        self.console.print(f"  {title} …")
        last = time.monotonic()

        def write(text: str) -> None:
            nonlocal last
            news.append(text)
            if time.monotonic() - last >= NEWS_SECONDS:
                last = time.monotonic()
                self.console.print(f"  {title}: {text}")

        return write

    def _finish(self, title: str, mark: str, news: list[str], began: float) -> None:
        task = self._tasks.pop(title, None)
        if task is not None:
            self._live.remove_task(task)
        detail = f": {news[-1]}" if news else ""
        with self._lock:
            self.console.print(f"{mark} {title}{detail} [dim]{time.monotonic() - began:.1f} s[/dim]")
