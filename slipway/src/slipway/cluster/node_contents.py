"""What the node image holds besides its Debian packages: programs, and the images of its containerd store.

The tag of the node image carries a digest of this file. Does not belong here: how the image is built (`node_image`).
"""

from pathlib import Path

from slipway.cluster import archives, programs
from slipway.repository import Repository

_IN_CONTAINERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
ON_THE_NODE = ("kubelet", "kubeadm", "kubectl")
# busybox, not busybox-static: glibc looks no names up in a static program. Its `wget -T` crashes; `timeout` does the same.
SMALL = ("iptables", "busybox")


def images(small: Path, repository: Repository) -> list[archives.Image]:
    """Return the images of the node's containerd store: the control plane, DNS, the StorageClass.

    `small` is an archive of iptables and busybox.
    """
    versions = repository.versions
    kubernetes, upstream = versions["KUBERNETES_VERSION"], "registry.k8s.io"

    def one(reference: str, program: str, *below: archives.Layer) -> archives.Image:
        own = archives.files({f"usr/local/bin/{program}": programs.path(program, repository)})
        return archives.Image(reference, (*below, own), entrypoint=(f"/usr/local/bin/{program}",))

    return [
        *(one(f"{upstream}/{name}:v{kubernetes}", name) for name in _IN_CONTAINERS),
        one(f"{upstream}/kube-proxy:v{kubernetes}", "kube-proxy", *_iptables(small)),
        one(f"{upstream}/etcd:{versions['ETCD_VERSION']}-0", "etcd"),
        one(f"{upstream}/coredns/coredns:v{versions['COREDNS_VERSION']}", "coredns"),
        one(f"{upstream}/pause:{versions['PAUSE_VERSION']}", "pause"),
        one("docker.io/slipway/local-path-provisioner:node", "local-path-provisioner"),
        busybox("docker.io/slipway/busybox:node", small),
    ]


def busybox(reference: str, small: Path) -> archives.Image:
    """Return an image with a shell and the usual commands; `small` is the archive that holds Debian's busybox."""
    commands = [
        "cat",
        "date",
        "echo",
        "grep",
        "head",
        "httpd",
        "id",
        "ls",
        "mkdir",
        "nc",
        "nslookup",
        "rm",
        "sh",
        "sleep",
        "test",
        "time",
        "timeout",
        "wget",
    ]
    return archives.Image(
        reference,
        (
            archives.part_of(small, lambda path: path == "bin/busybox" or path.startswith("lib")),
            archives.links({f"bin/{name}": "busybox" for name in commands}),
        ),
    )


def all_programs() -> list[str]:
    """Return every program that has to be compiled for a node."""
    return [
        *_IN_CONTAINERS,
        *ON_THE_NODE,
        "kube-proxy",
        "etcd",
        "coredns",
        "pause",
        "local-path-provisioner",
    ]


def _iptables(small: Path) -> tuple[archives.Layer, ...]:
    # The alternatives that a package's script would set; nodes use the nft ones, too.
    names = (
        "iptables",
        "iptables-save",
        "iptables-restore",
        "ip6tables",
        "ip6tables-save",
        "ip6tables-restore",
    )

    def wanted(path: str) -> bool:
        return path.startswith(("lib", "usr/lib", "usr/sbin")) and "/gconv/" not in path

    return (
        archives.part_of(small, wanted),
        archives.links({f"usr/sbin/{name}": "xtables-nft-multi" for name in names}),
    )
