"""The local registry: what was pushed to it, over its API (https://distribution.github.io/distribution/spec/api/).

A manifest is deleted over the API; the layers that none needs any more go with the registry's own garbage collection, during which
nobody may push (`slipway.cluster.registry.quiet`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from slipway.cluster import REGISTRY, REGISTRY_ADDRESS, registry
from slipway.cluster.engine import Engine
from slipway.images.errors import ImageError
from slipway.images.pruning.choice import PREFIX, Tagged, noted
from slipway.images.pruning.engine_store import seconds

# Of one platform and of several, docker's own and OCI's.
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json"
)


def tags(times: Mapping[str, float]) -> list[Tagged]:
    """Return the tags of ours in the registry; `times` are known already, of others the image itself is asked.

    Raises:
        ImageError: the registry does not answer.
    """
    try:
        with _client() as client:
            return list(_tags(client, times))
    except httpx.HTTPError as error:
        raise _unreachable(error) from None


def remove(engine: Engine, images: Sequence[Tagged]) -> None:
    """Delete images from the registry, and the layers that no other has.

    Raises:
        ImageError: the registry does not answer, or does not delete.
        ClusterError: its garbage collection failed.
    """
    with registry.quiet():
        try:
            with _client() as client:
                for name, digest in sorted({(_path(each), each.digest) for each in images}):
                    answer = client.delete(f"/v2/{name}/manifests/{digest}")
                    if answer.status_code == httpx.codes.METHOD_NOT_ALLOWED:
                        raise ImageError(
                            f"The registry at {REGISTRY_ADDRESS} does not delete.",
                            f"It is an older one: `docker rm --force {REGISTRY}`, then `make kind-up`; what was pushed stays.",
                        )
                    if answer.status_code != httpx.codes.NOT_FOUND:
                        answer.raise_for_status()
        except httpx.HTTPError as error:
            raise _unreachable(error) from None
        registry.collect_garbage(engine)


def _client() -> httpx.Client:
    # trust_env: a proxy does not know this machine's localhost.
    return httpx.Client(
        base_url=f"http://{REGISTRY_ADDRESS}", headers={"Accept": _MANIFESTS}, timeout=30, trust_env=False
    )


def _tags(client: httpx.Client, times: Mapping[str, float]) -> Iterator[Tagged]:
    names = _asked(client, "/v2/_catalog?n=1000").json()["repositories"] or ()
    for name in names:
        if not name.startswith(f"{PREFIX}/"):
            continue
        # Of a name whose tags were all deleted the list is null.
        for tag in _asked(client, f"/v2/{name}/tags/list").json()["tags"] or ():
            answer = client.get(f"/v2/{name}/manifests/{tag}")
            if answer.status_code == httpx.codes.NOT_FOUND:
                continue
            answer.raise_for_status()
            reference, manifest = f"{REGISTRY_ADDRESS}/{name}:{tag}", answer.json()
            size = sum(layer["size"] for layer in manifest.get("layers", ()))
            when = times.get(reference) or max(noted(reference), _made(client, name, manifest))
            yield Tagged(reference, answer.headers["Docker-Content-Digest"], size, when)


def _made(client: httpx.Client, name: str, manifest: Mapping[str, Any]) -> float:
    configuration = manifest.get("config", {}).get("digest")
    if not configuration:
        return 0.0
    return seconds(
        _asked(client, f"/v2/{name}/blobs/{configuration}").json().get("created", "0001-01-01T00:00:00Z")
    )


def _asked(client: httpx.Client, path: str) -> httpx.Response:
    answer = client.get(path)
    answer.raise_for_status()
    return answer


def _path(image: Tagged) -> str:
    return image.reference.removeprefix(f"{REGISTRY_ADDRESS}/").rpartition(":")[0]


def _unreachable(error: httpx.HTTPError) -> ImageError:
    return ImageError(
        f"The registry at {REGISTRY_ADDRESS} can't be asked: {error}", "`make kind-up` starts it."
    )
