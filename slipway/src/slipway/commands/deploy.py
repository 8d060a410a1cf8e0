"""`slipway deploy` and `slipway diff`: an environment's releases, brought up to date or only compared.

Does not belong here: what either does (`slipway.deploy`).
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.syntax import Syntax

from slipway.commands import plan
from slipway.commands.checkout import console
from slipway.deploy import demo, deployment, verification
from slipway.deploy.deployment import Deployment
from slipway.deploy.difference import summary
from slipway.deploy.releases import Release
from slipway.environment import Environment
from slipway.progress import Steps
from slipway.repository import Repository, find_root, read_repository

Where = Annotated[
    Environment, typer.Option("--env", help="The environment, as charts-values/releases.yaml lists it.")
]
Names = Annotated[list[str] | None, typer.Argument(help="Releases; all of the environment by default.")]
FromBundle = Annotated[
    Path | None,
    typer.Option("--bundle", help="Take images, charts, helm and kubectl from what `slipway bundle` wrote."),
]


def deploy(
    env: Where,
    names: Names = None,
    verify: Annotated[bool, typer.Option(help="Prove afterwards that the platform works.")] = True,
    bundle: FromBundle = None,
) -> None:
    """Install or upgrade an environment's releases in their order, and prove that the platform works."""
    repository, steps = read_repository(find_root()), Steps(console)
    with steps.shown(), plan.opened(repository, env, steps, bundle) as opened:
        planned, wanted = opened.deployment, opened.wanted(names)
        with steps.step("images") as say:
            opened.push(wanted, say)
            say("all pushed")
        with steps.step("namespace and Secrets") as say:
            made = deployment.prepare_namespace(planned, say)
            say(f"made {', '.join(made)}" if made else "all there")
        changed = deployment.deploy(planned, wanted, steps)
        if planned.releases.target(env).demo:
            _load_demo(repository, planned, wanted, steps)
        if verify:
            _verify(planned, steps)
        console.print(f"Changed: {', '.join(changed)}." if changed else "Nothing changed.")
        console.print(_how_to_see(planned))


def diff(env: Where, names: Names = None, bundle: FromBundle = None) -> None:
    """Show what `deploy` would change, object by object; changes nothing. Values of Secrets are never shown."""
    repository, steps = read_repository(find_root()), Steps(console)
    with plan.opened(repository, env, steps, bundle) as opened:
        for release in opened.wanted(names):
            found = opened.deployment.differences(release)
            console.print(f"[bold]{release.name}[/bold]: {summary(found.values())}")
            for text in found.values():
                console.print(Syntax(text, "diff", background_color="default"))


def _load_demo(
    repository: Repository, planned: Deployment, wanted: tuple[Release, ...], steps: Steps
) -> None:
    for release in wanted:
        command = repository.code_location(release.code_location).demo if release.code_location else ()
        if command:
            with steps.step(f"demo data of {release.name}") as say:
                say("loaded" if demo.load(planned.cluster, release, command, say) else "was there")


def _verify(planned: Deployment, steps: Steps) -> None:
    of_environment = planned.releases.of(planned.environment)
    locations = [release.code_location for release in of_environment if release.code_location]
    with steps.step("every webserver serves every code location") as say:
        verification.served(planned.cluster, locations, say)
    with steps.step("the daemon's heartbeats") as say:
        verification.heartbeats(planned.cluster, say)
    with steps.step("a canary run on each lane") as say:
        took = verification.canaries(planned.cluster, planned.releases.canaries, say)
        say(", ".join(f"{lane} {seconds:.1f} s" for lane, seconds in took.items()))


def _how_to_see(planned: Deployment) -> str:
    cluster = planned.cluster
    pods = verification.webserver_pods(cluster)
    command = f"kubectl --context {cluster.context} -n {cluster.namespace} port-forward {pods[0]} 3000:80"
    return f"The UI: `{command}`, then http://127.0.0.1:3000"
