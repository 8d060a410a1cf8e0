"""`DocumentStore`: what assets make for people to open, kept beside the assets that programs read.

Belongs here: writing a document under its asset's key, and a link to open it. Does not belong here: frames
and plain values (`slipway.storage`), what is in a document, the command that prints a link (`document_link`).
"""

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

import dagster as dg
from pydantic import Field

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from slipway.storage.keys import Place


class DocumentStore(dg.ConfigurableResource):  # type: ignore[type-arg]
    """HTML pages at `s3://bucket[/prefix]` or `file:///folder`, one per asset or partition of it.

    Give the URL as `dg.EnvVar("SLIPWAY_STORAGE_URL")`: a page's key is that of the asset's Parquet object but
    for its suffix `.html`, see `slipway.storage.keys`. Errors are `slipway.storage.StorageError`s.
    """

    suffix: ClassVar[str] = ".html"

    url: str = Field(description="s3://bucket, s3://bucket/prefix or file:///folder.")
    retry_seconds: float = Field(
        default=60.0, gt=0, description="How long a request is repeated while the server does not answer."
    )

    def write(self, context: dg.AssetExecutionContext, page: str) -> str:
        """Write the page of the asset, or the one partition, that is being made; return its URI.

        Replaced whole: a reader sees the old one or the new one. Raises StorageError; the old one is as it was.
        """
        import obstore  # noqa: PLC0415 - only runs that write a document need it

        from slipway.storage.faults import explained  # noqa: PLC0415 - storage imports pyarrow

        place = self._place(context.asset_key, context.partition_key if context.has_partition_key else None)
        # A disk keeps no media types, and a browser goes by the suffix there.
        kept = {"Content-Type": "text/html; charset=utf-8"} if self._on_s3 else None
        with explained(place, self.suffix):
            obstore.put(self._store(), place.path(self.suffix), page.encode(), attributes=kept)
        return place.uri(self.suffix)

    def link(
        self, asset: dg.AssetKey, partition: str | None = None, lifetime: timedelta = timedelta(hours=1)
    ) -> str:
        """Return what a browser can open: a URL that is signed for `lifetime`, or the file's.

        Whoever has the link can read the page: it is for the person who asks, and not for metadata, which
        everybody sees and nobody renews.

        Raises:
            slipway.storage.StorageError: there is no such page.
        """
        import obstore  # noqa: PLC0415

        from slipway.storage.faults import explained  # noqa: PLC0415

        place = self._place(asset, partition)
        with explained(place, self.suffix):
            obstore.head(self._store(), place.path(self.suffix))
        if not self._on_s3:
            return place.uri(self.suffix)
        return str(obstore.sign(self._store(), "GET", place.path(self.suffix), lifetime))  # type: ignore[call-overload]

    @property
    def _on_s3(self) -> bool:
        return urlsplit(self.url).scheme == "s3"

    def _place(self, asset: dg.AssetKey, partition: str | None) -> "Place":
        from slipway.storage.keys import asset_place  # noqa: PLC0415

        return asset_place(self.url, asset, partition)

    def _store(self) -> "ObjectStore":
        from slipway.storage.store import open_store  # noqa: PLC0415

        return open_store(self.url, retry_seconds=self.retry_seconds)
