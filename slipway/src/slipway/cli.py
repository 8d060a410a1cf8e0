"""The `slipway` command: thin, each command a few lines over `slipway.local`.

The platform's own commands stand here, others in `slipway.commands`. Prints errors that a user can act on
without a traceback, and exits with 1 for them.
"""

import os
import shlex
import shutil
import subprocess
from typing import Annotated

import typer
from rich.console import Console

from slipway.commands import alerts, images, kind
from slipway.commands.backfill import backfill
from slipway.commands.bundle import bundle
from slipway.commands.catch_up import catch_up
from slipway.commands.checkout import console, open_platform
from slipway.commands.contracts import contracts
from slipway.commands.deploy import deploy, diff
from slipway.commands.new import new
from slipway.commands.pools import pools
from slipway.commands.prepare import prepare
from slipway.commands.tools import tools
from slipway.commands.values import generate_values, values
from slipway.environment import MissingSettingError
from slipway.errors import UserError
from slipway.local import report
from slipway.local.errors import LocalPlatformError
from slipway.local.platform import LocalPlatform, Options
from slipway.local.programs import code_server_name

app = typer.Typer(help="Slipway: Dagster on one machine, and on Kubernetes.", no_args_is_help=True)
app.command()(alerts.watch)
app.add_typer(alerts.app, name="alerts")
app.add_typer(images.app, name="images")
app.add_typer(kind.app, name="kind")


def main() -> None:
    """Run the command line; what a user can act on is said in two lines."""
    try:
        app()
    except (UserError, MissingSettingError) as error:
        complaint = Console(stderr=True, highlight=False, soft_wrap=True)
        complaint.print(f"[red]Error:[/red] {report.escaped(str(error))}")
        if hint := getattr(error, "hint", ""):
            complaint.print(f"[yellow]→[/yellow] {report.escaped(hint)}")
        raise SystemExit(getattr(error, "exit_code", 1)) from None


@app.command()
def up(
    materialize: Annotated[bool, typer.Option(help="Run each code location's first job once.")] = True,
    demo_args: Annotated[
        list[str] | None,
        typer.Option(
            help="Arguments of a location's demo command: 'orders: --orders 1000'. Can be repeated."
        ),
    ] = None,
) -> None:
    """Start the whole platform, from whatever state it is in, and load the demo data."""
    platform = open_platform()
    platform.up(Options(materialize, dict(_demo_arguments(platform, each) for each in demo_args or [])))
    report.print_summary(platform, console)


@app.command()
def status() -> None:
    """Show every process and code location; exit with 1 if any is not up."""
    if not report.print_status(open_platform(), console):
        raise typer.Exit(1)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="A process that `status` lists; all of them by default.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many lines of each log.")] = 20,
) -> None:
    """Show the ends of the logs."""
    files = report.log_files(open_platform(), name)
    os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, files)])  # noqa: S606


@app.command()
def reload(
    names: Annotated[list[str] | None, typer.Argument(help="Code locations; all by default.")] = None,
) -> None:
    """Restart code servers, so that changed code is served."""
    open_platform().reload(names or [])


@app.command()
def down() -> None:
    """Stop everything. The data stays; the next `up` goes on where this one ended."""
    console.print("Stopped; the data is kept." if open_platform().down() else "Nothing was running.")


@app.command()
def clean(yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False) -> None:
    """Stop everything and delete the state folder: databases, assets, logs, runs."""
    platform = open_platform()
    if not platform.state.path.exists():
        console.print(f"There is nothing at {platform.state.path}.")
        return
    if not yes:
        typer.confirm(f"Delete {platform.state.path} with all assets, runs and databases?", abort=True)
    platform.down()
    platform.clean()
    console.print(f"Deleted {platform.state.path}.")


@app.command(name="exec", context_settings={"allow_interspersed_args": False})
def execute(
    location: Annotated[str, typer.Argument(help="A code location.")],
    command: Annotated[list[str], typer.Argument(help="A program of its environment, and its arguments.")],
) -> None:
    """Run a command as the code location would: its environment, its settings, in its folder."""
    command = command[1:] if command[0] == "--" else command
    platform = open_platform()
    at = platform.repository.code_location(location)
    settings = report.environment_of(platform, code_server_name(at))
    path = f"{at.environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **settings, "PATH": path, "VIRTUAL_ENV": str(at.environment)}
    program = shutil.which(command[0], path=path)
    if not program:
        raise LocalPlatformError(f"{command[0]!r} is neither in {at.environment / 'bin'} nor on PATH.")
    raise typer.Exit(
        subprocess.run([program, *command[1:]], cwd=at.path, env=environment, check=False).returncode
    )


def _demo_arguments(platform: LocalPlatform, option: str) -> tuple[str, tuple[str, ...]]:
    name, found, arguments = option.partition(":")
    if not found:
        raise LocalPlatformError(
            f"--demo-args {option!r} names no code location.", "Write 'orders: --orders 1000'."
        )
    return platform.repository.code_location(name).name, tuple(shlex.split(arguments))


app.command()(backfill)
app.command()(bundle)
app.command()(contracts)
app.command()(deploy)
app.command()(diff)
app.command()(values)
app.command("generate-values")(generate_values)
app.command()(new)
app.command()(pools)
app.command("catch-up")(catch_up)
app.command()(prepare)
app.command()(tools)
