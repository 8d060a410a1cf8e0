"""Helm, for one namespace of one cluster: a release's manifest, what an upgrade would make of it, the upgrade itself.

Does not belong here: which releases there are, and with which values (`slipway.deploy.releases`).
"""

import json
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.deploy.errors import DeployError
from slipway.errors import indented

DEPLOYED = "deployed"
_GOOD = frozenset({DEPLOYED, "superseded"})
_HISTORY = 10
_WATCH_SECONDS = 2.0


@dataclass(frozen=True)
class Target:
    """What helm is told of a release on each call.

    Attributes:
        release: its name.
        chart: folder or archive of the chart.
        values: values files, the later go first.
        sets: `path=value` pairs on top of them; the values are taken as strings.
    """

    release: str
    chart: Path
    values: tuple[Path, ...]
    sets: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """Return them as helm takes them."""
        files = [part for path in self.values for part in ("--values", str(path))]
        pairs = [part for pair in self.sets for part in ("--set-string", pair)]
        return [self.release, str(self.chart), *files, *pairs]


@dataclass(frozen=True)
class Helm:
    """Helm for a namespace, as a kubeconfig's context sees it."""

    helm: Path
    context: str
    namespace: str

    def status(self, release: str) -> str | None:
        """Return the state of a release's newest revision (`deployed`, `failed`, `pending-upgrade` ...), or None."""
        done = self._call(["history", release, "--max", "1", "-o", "json"])
        if done.returncode:
            if "not found" in done.stderr:
                return None
            raise _failed("history", release, done.stderr)
        return str(json.loads(done.stdout)[-1]["status"])

    def manifest(self, release: str) -> str:
        """Return what is deployed of a release, as YAML documents; empty if nothing is.

        Raises:
            DeployError: the cluster can't be reached.
        """
        done = self._call(["get", "manifest", release])
        if done.returncode and "not found" not in done.stderr:
            raise _failed("get manifest", release, done.stderr)
        return done.stdout

    def render(self, target: Target, extra: Sequence[str] = ()) -> str:
        """Return what an upgrade would deploy, as YAML documents, without hooks.

        Raises:
            DeployError: the values don't fit the chart; the message carries what helm said.
        """
        done = self._call(
            ["upgrade", "--install", "--dry-run=server", "-o", "json", *target.arguments(), *extra]
        )
        if done.returncode:
            raise _failed("upgrade --dry-run", target.release, done.stderr)
        return str(json.loads(done.stdout)["manifest"])

    def upgrade(
        self,
        target: Target,
        seconds: int,
        extra: Sequence[str] = (),
        watch: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Install or upgrade a release, and wait until its pods are ready.

        `watch` is called every other second meanwhile; what it returns is a reason to stop waiting.

        Raises:
            DeployError: it failed, was not ready in time, or `watch` had a reason. Nothing is rolled back yet: the caller
                wants to look first.
        """
        command = ["upgrade", "--install", "--wait", "--wait-for-jobs", "--timeout", f"{seconds}s"]
        command += ["--history-max", str(_HISTORY), *target.arguments(), *extra]
        hopeless = None
        with subprocess.Popen(
            self._command(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as upgrading:
            while hopeless is None:
                try:
                    _, said = upgrading.communicate(timeout=_WATCH_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    hopeless = watch()
            else:
                # Helm notes that the revision failed; killed, it would leave it pending for ever.
                upgrading.send_signal(signal.SIGINT)
                upgrading.communicate()
        if hopeless:
            raise DeployError(f"The upgrade of {target.release} was given up: {hopeless}")
        if upgrading.returncode:
            raise _failed("upgrade", target.release, said)

    def rollback(self, release: str) -> bool:
        """Bring back the newest revision that was deployed well; return False if there never was one.

        Raises:
            DeployError: helm could not.
        """
        revision = self._newest(release, _GOOD.__contains__)
        if revision is None:
            return False
        done = self._call(["rollback", release, str(revision), "--history-max", str(_HISTORY)])
        if done.returncode:
            raise _failed("rollback", release, done.stderr)
        return True

    def recover(self, release: str) -> str | None:
        """Make a release that an interrupted or failed call left behind one that can be upgraded; return what was done.

        Helm refuses to upgrade a release that is pending, and one that never was deployed. Volumes stay in either case.

        Raises:
            DeployError: helm could not.
        """
        status = self.status(release)
        if status in (None, DEPLOYED):
            return None
        if self._newest(release, _GOOD.__contains__) is not None:
            if status == "failed":
                return None
            self.rollback(release)
            return f"{status}: rolled back"
        done = self._call(["uninstall", release, "--wait"])
        if done.returncode:
            raise _failed("uninstall", release, done.stderr)
        return f"{status}, never deployed: removed"

    def _newest(self, release: str, wanted: Callable[[str], bool]) -> int | None:
        done = self._call(["history", release, "-o", "json"])
        if done.returncode:
            return None
        fitting = [each["revision"] for each in json.loads(done.stdout) if wanted(each["status"])]
        return max(fitting, default=None)

    def _call(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command(arguments), capture_output=True, text=True, check=False)

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [str(self.helm), "--kube-context", self.context, "--namespace", self.namespace, *arguments]


def _failed(action: str, release: str, said: str) -> DeployError:
    return DeployError(f"helm {action} of {release} failed:\n{indented(said)}")
