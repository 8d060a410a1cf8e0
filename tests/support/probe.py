"""Steers the code location `probe` (see `checkout`), so that a fault can hit in the middle of a run."""

import time

from support.platform import Platform

# What `total` comes to when every step ran on whole data.
EXPECTED = 2 * sum(range(1000))


class Probe:
    """The code location `probe`: its asset `gated` waits for leave, so that a fault can hit in the middle of a run."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.folder = platform.root / "code_locations" / "probe" / "src" / "probe"

    def reset(self) -> None:
        for name in ("reached", "leave", "calls"):
            (self.folder / name).unlink(missing_ok=True)

    def launch_and_reach(self, **tags: str) -> str:
        run = self.platform.web.launch("probe", "everything", tags)
        deadline = time.monotonic() + 60
        while not (self.folder / "reached").exists():
            assert time.monotonic() < deadline, self.platform.web.progress(run)
            time.sleep(0.1)
        return run

    def go_on(self) -> None:
        (self.folder / "leave").touch()

    @property
    def calls(self) -> int:
        file = self.folder / "calls"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def total(self) -> int:
        file = self.platform.state.s3 / "buckets" / "assets" / "total.json"
        return int(file.read_text())
