"""Removing what is old from each place in turn; what one place refuses does not keep the others from it.

Does not belong here: which images are old (`choice`), and what each place is asked (`engine_store`, `registry_store`, `node_store`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from slipway.cluster import REGISTRY
from slipway.cluster.kind import Kind
from slipway.errors import UserError
from slipway.images.pruning import choice, engine_store, node_store, registry_store
from slipway.images.pruning.choice import Tagged, Used


@dataclass
class Pruning:
    """One call of `slipway images prune`.

    Attributes:
        cluster: the cluster of this machine, there or not, and its engine.
        console: where all is told.
        newest: how many tags of each name stay in each place.
        cache: bytes that stay of the build cache.
        dry_run: only tell.
        names: the images to prune, without registry; all, and the build cache, where there are none.
    """

    cluster: Kind
    console: Console
    newest: int
    cache: int
    dry_run: bool
    names: Sequence[str] = ()
    _failed: bool = False
    _times: dict[str, float] = field(default_factory=dict)

    def run(self) -> bool:
        """Prune all places; return whether one of them failed."""
        nodes = self.cluster.nodes()
        used: Used | None = None
        with self._told("The cluster, whose images are in use"):
            used = node_store.used(self.cluster) if nodes else Used()
        with self._told("The engine"):
            self._prune_engine(used or Used())
        if not self.names:
            with self._told("The build cache"):
                self._trim_cache()
        if used is None:
            self.console.print(
                "The registry and the nodes stay as they are: it isn't known what the cluster uses. `make kind-up` starts it."
            )
            return True
        if self.cluster.engine.state_of(REGISTRY):
            with self._told("The registry"):
                self._prune_registry(used)
        for node in nodes:
            with self._told(f"The node {node}"):
                self._prune_node(node, used)
        return self._failed

    def _prune_engine(self, used: Used) -> None:
        engine = self.cluster.engine
        found = self._ours(engine_store.tags(engine))
        self._times = {each.reference: each.when for each in found}
        old = choice.old(found, used | engine_store.used(engine), self.newest)
        unnamed = [] if self.names else engine_store.unnamed(engine)

        def remove() -> None:
            for said in engine_store.remove(engine, [*old, *unnamed]):
                self.console.print(f"  kept: {said}")
            choice.forget([each.reference for each in old])

        self._prune(
            "engine", len(found), [*old, *unnamed], remove, lambda: engine_store.usage(engine)["Images"]
        )

    def _trim_cache(self) -> None:
        engine = self.cluster.engine
        now = engine_store.usage(engine)["Build Cache"]
        over = max(0, now - self.cache)
        self.console.print(f"build cache: {_size(now)}, {_size(over)} more than stay")
        if over and not self.dry_run:
            engine_store.trim_cache(engine, self.cache)
            self.console.print(f"  freed {_size(now - engine_store.usage(engine)['Build Cache'])}")

    def _prune_registry(self, used: Used) -> None:
        engine = self.cluster.engine
        found = self._ours(registry_store.tags(self._times))
        self._times = {each.reference: each.when for each in found} | self._times
        old = choice.old(found, used, self.newest)
        self._prune(
            "registry",
            len(found),
            old,
            lambda: registry_store.remove(engine, old),
            lambda: engine_store.volume_usage(engine, REGISTRY),
        )

    def _prune_node(self, node: str, used: Used) -> None:
        engine = self.cluster.engine
        found = self._ours(node_store.tags(engine, node, self._times))
        old = choice.old(found, used, self.newest)
        self._prune(
            node,
            len(found),
            old,
            lambda: node_store.remove(engine, node, old),
            lambda: node_store.usage(engine, node),
        )

    def _ours(self, found: Sequence[Tagged]) -> Sequence[Tagged]:
        return [each for each in found if not self.names or each.image in self.names]

    def _prune(
        self,
        place: str,
        count: int,
        old: Sequence[Tagged],
        remove: Callable[[], None],
        usage: Callable[[], int],
    ) -> None:
        """Tell what goes from a place, remove it, and tell what that has freed."""
        self.console.print(
            f"{place}: {count} tags, {len(old)} {'image' if len(old) == 1 else 'images'} to remove"
        )
        table = Table.grid(padding=(0, 2))
        for each in old:
            table.add_row(f"  {_size(each.size)}", each.shown)
        self.console.print(table)
        if old and not self.dry_run:
            before = _measured(usage)
            remove()
            after = _measured(usage)
            freed = "what could not be measured" if before is None or after is None else _size(before - after)
            self.console.print(f"  freed {freed}")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            self._failed = True
            self.console.print(f"[red]{what}:[/red] {error} {error.hint}".rstrip())


def _measured(usage: Callable[[], int]) -> int | None:
    """Return what is used, or None: an engine that measures for somebody else, say, refuses, and that is no reason to stop."""
    try:
        return usage()
    except UserError:
        return None


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"  # noqa: PLR2004
