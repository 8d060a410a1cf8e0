"""ministack, which answers for AWS on the loopback interface, and environments that are applied to it.

It keeps what it is told and gives it back; it runs nothing: no container, no database. `terraform/` has what it lacks behind the
variable `aws_stand_in`.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slipway.repository import read_repository
from slipway.testing.ports import free_port
from support import infrastructure as infra

REGION = "eu-central-1"
SETTINGS = {
    "TF_VAR_aws_stand_in": "true",
    "TF_VAR_alarm_email": "platform@example.com",
    "TF_VAR_administrators": '{"platform": "arn:aws:iam::000000000000:role/platform"}',
}
"""What an environment has no default for."""
_SECONDS = 60
# What the provider asks of more servers than the endpoint, or of the machine that it runs on.
_OVERRIDE = """
terraform {{
  backend "local" {{}}
}}

provider "aws" {{
  region                      = "{region}"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  s3_use_path_style           = true
  endpoints {{
{endpoints}
  }}
}}
"""
_SERVICES = (
    "budgets",
    "cloudwatch",
    "ec2",
    "ecr",
    "eks",
    "events",
    "iam",
    "kms",
    "logs",
    "rds",
    "s3",
    "s3control",
)
_SERVICES += ("secretsmanager", "sns", "sqs", "ssm", "sts")


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Yield the address of a ministack of its own, which is gone afterwards with all that it started.

    Raises:
        RuntimeError: it ends, or does not answer within a minute; the message has its last lines.
    """
    version = read_repository(infra.CHECKOUT).versions["MINISTACK_VERSION"]
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="slipway-ministack-"))
    log = folder / "log"
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "STATE_DIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
        "TMPDIR": str(folder),
        # Databases and clusters are records and no containers.
        "DOCKER_HOST": f"unix://{folder}/none",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    command = [infra.CHECKOUT / "tools/uv", "tool", "run", "--from", f"ministack=={version}", "ministack"]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(process, address, log)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_ministack/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    state = (
        f"ended with {process.returncode}" if process.returncode is not None else f"not up after {_SECONDS} s"
    )
    raise RuntimeError(f"ministack at {address} is {state}:\n{log.read_text()[-3000:]}")


def redirect(folder: Path, address: str) -> None:
    """Let the environment in `folder` ask ministack, and keep its state beside it."""
    endpoints = "\n".join(f'    {name} = "{address}"' for name in _SERVICES)
    (folder / "stand_in_override.tf").write_text(_OVERRIDE.format(region=REGION, endpoints=endpoints))


class Applied:
    """An environment of `terraform/` in a folder of its own, whose AWS is ministack.

    Attributes:
        folder: the environment's configuration.
        took: seconds of each call so far, by the call's name.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.took: dict[str, float] = {}
        self._state: Any = None
        redirect(folder, address)

    def call(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Terraform there, with what somebody has to set."""
        started = time.monotonic()
        self._state = None
        done = infra.terraform().call(self.folder, name, "-no-color", *options, **SETTINGS)
        self.took[name] = self.took.get(name, 0) + time.monotonic() - started
        return done

    def state(self) -> Any:
        """Return the state as `terraform show -json` has it; read once after each call."""
        if self._state is None:
            said = infra.terraform().call(self.folder, "show", "-json", **SETTINGS)
            self._state = json.loads(infra.succeeded(said))
        return self._state

    def local(self, name: str) -> Any:
        """Return a local value of the configuration."""
        done = infra.terraform().call(
            self.folder, "console", "-no-color", given=f"jsonencode(local.{name})\n", **SETTINGS
        )
        return json.loads(json.loads(infra.succeeded(done)))

    def outputs(self) -> dict[str, Any]:
        """Return what `terraform output -json` prints."""
        return infra.terraform().outputs(self.folder)


def resources(module: Any) -> Iterator[dict[str, Any]]:
    """Yield the managed resources of a module of a state or plan, and of those within it."""
    for resource in module.get("resources", []):
        if resource["mode"] == "managed":
            yield resource
    for child in module.get("child_modules", []):
        yield from resources(child)
