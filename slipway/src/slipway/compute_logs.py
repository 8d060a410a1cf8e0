"""What steps print (compute logs), kept on S3 and shown in the UI while a run goes on and after its pod is gone.

Over the same client as the assets, obstore: Dagster's own S3ComputeLogManager needs boto3, 1.5 CPU-seconds of import in every
run's process. In the official chart:

    computeLogManager: {type: CustomComputeLogManager, config: {customComputeLogManager: {
      module: slipway.compute_logs, class: ObjectStoreComputeLogManager, config: {url: "s3://compute-logs"}}}}

Does not belong here: the structured events of a run, which Postgres has.
"""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dagster import DagsterInstance, Field, IntSource, StringSource
from dagster._core.storage.cloud_storage_compute_log_manager import (
    PollingComputeLogSubscriptionManager,
    TruncatingCloudStorageComputeLogManager,
)
from dagster._core.storage.compute_log_manager import CapturedLogSubscription, ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from slipway.storage.store import open_store

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PARTIAL = ".partial"
# A log is not worth holding a run up for long.
RETRY_SECONDS = 10.0
UPLOAD_SECONDS = 15
_log = logging.getLogger("slipway.compute_logs")


class ObjectStoreComputeLogManager(
    TruncatingCloudStorageComputeLogManager[DagsterInstance], ConfigurableClass
):
    """Keeps the logs of a step as `<url>/<run>/compute_logs/<step>.out` and `.err`.

    While the step goes on, what there is so far is beside them with the ending `.partial`, renewed every `upload_seconds`.
    A log that can't be uploaded is lost with the pod, which is said in its stderr; it never fails a run. Logs over 50 MB
    are cut off (Dagster's DAGSTER_TRUNCATE_COMPUTE_LOGS_UPLOAD_BYTES).

    Args:
        url: s3://bucket, s3://bucket/prefix or file:///folder (`slipway.storage.store.open_store`).
        upload_seconds: how often a log that is being written is uploaded.
        local_dir: where logs are written first; the folder for temporary files by default.
        inst_data: Dagster's own.
    """

    def __init__(
        self,
        url: str,
        upload_seconds: int = UPLOAD_SECONDS,
        local_dir: str | None = None,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._seconds = upload_seconds
        self._inst_data = inst_data
        self._local = LocalComputeLogManager(local_dir or tempfile.gettempdir())
        self._subscriptions = PollingComputeLogSubscriptionManager(self)  # type: ignore[no-untyped-call]
        self._opened: ObjectStore | None = None
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """Dagster's own record of this object's settings."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the settings in dagster.yaml."""
        return {
            "url": StringSource,
            "upload_seconds": Field(IntSource, is_required=False, default_value=UPLOAD_SECONDS),
            "local_dir": Field(StringSource, is_required=False),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> "ObjectStoreComputeLogManager":
        """Return the manager that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    @property
    def local_manager(self) -> LocalComputeLogManager:
        """Captures what is printed, in files of this machine."""
        return self._local

    @property
    def upload_interval(self) -> int | None:
        """Seconds between two uploads of a log that is being written."""
        return self._seconds

    def path(self, log_key: Sequence[str], io_type: ComputeIOType, *, partial: bool = False) -> str:
        """Return the path of a log below the URL."""
        ending = IO_TYPE_EXTENSION[io_type] + (PARTIAL if partial else "")
        return "/".join(log_key) + f".{ending}"

    def delete_logs(self, log_key: Sequence[str] | None = None, prefix: Sequence[str] | None = None) -> None:
        """Delete the logs of a step, or all below a prefix."""
        self._local.delete_logs(log_key=log_key, prefix=prefix)
        if log_key:
            paths = [
                self.path(log_key, io_type, partial=partial)
                for io_type in ComputeIOType
                for partial in (False, True)
            ]
        else:
            paths = [str(each["path"]) for each in self._listed(prefix or ())]
        for path in paths:
            self._delete(path)

    def download_url_for_type(self, log_key: Sequence[str], io_type: ComputeIOType) -> str | None:
        """Return None: the browser need not reach the bucket, the webserver reads it."""

    def display_path_for_type(self, log_key: Sequence[str], io_type: ComputeIOType) -> str:
        """Return the address of a log, for people."""
        return f"{self._url}/{self.path(log_key, io_type)}"

    def cloud_storage_has_logs(
        self, log_key: Sequence[str], io_type: ComputeIOType, partial: bool = False
    ) -> bool:
        """Whether a log is there."""
        import obstore  # noqa: PLC0415

        try:
            obstore.head(self._store(), self.path(log_key, io_type, partial=partial))
        except FileNotFoundError:
            return False
        return True

    def download_from_cloud_storage(
        self, log_key: Sequence[str], io_type: ComputeIOType, partial: bool = False
    ) -> None:
        """Bring a log into a file of this machine."""
        import obstore  # noqa: PLC0415

        extension = IO_TYPE_EXTENSION[io_type]
        target = Path(self._local.get_captured_local_path(log_key, extension, partial=partial))
        target.parent.mkdir(parents=True, exist_ok=True)
        content = obstore.get(self._store(), self.path(log_key, io_type, partial=partial)).bytes()
        target.write_bytes(memoryview(content))

    def get_log_keys_for_log_key_prefix(
        self, log_key_prefix: Sequence[str], io_type: ComputeIOType
    ) -> list[list[str]]:
        """Return the keys of the finished logs below a prefix."""
        ending = f".{IO_TYPE_EXTENSION[io_type]}"
        names = (str(each["path"]) for each in self._listed(log_key_prefix))
        return [name.removesuffix(ending).split("/") for name in names if name.endswith(ending)]

    def on_subscribe(self, subscription: CapturedLogSubscription) -> None:
        """Look for news of a log while somebody reads it."""
        self._subscriptions.add_subscription(subscription)

    def on_unsubscribe(self, subscription: CapturedLogSubscription) -> None:
        """Look no longer."""
        self._subscriptions.remove_subscription(subscription)

    def dispose(self) -> None:
        """End what goes on in the background."""
        self._subscriptions.dispose()
        self._local.dispose()

    def _upload_file_obj(
        self, data: IO[bytes], log_key: Sequence[str], io_type: ComputeIOType, partial: bool = False
    ) -> None:
        import obstore  # noqa: PLC0415
        from obstore.exceptions import BaseError  # noqa: PLC0415

        content = data.read()
        if partial and not content:
            return
        path = self.path(log_key, io_type, partial=partial)
        try:
            obstore.put(self._store(), path, content)
        except (BaseError, OSError) as error:
            _log.warning("%s/%s could not be stored: %s", self._url, path, error)
            return
        if not partial:
            self._delete(self.path(log_key, io_type, partial=True))

    def _delete(self, path: str) -> None:
        import obstore  # noqa: PLC0415
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            obstore.delete(self._store(), path)
        except FileNotFoundError:
            pass
        except (BaseError, OSError) as error:
            _log.warning("%s/%s could not be deleted: %s", self._url, path, error)

    def _listed(self, prefix: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        import obstore  # noqa: PLC0415

        for page in obstore.list(self._store(), prefix="/".join(prefix) or None):
            yield from page

    def _store(self) -> "ObjectStore":
        """Return the store, opened on first use: whoever only shows a run's events needs none."""
        if self._opened is None:
            self._opened = open_store(self._url, retry_seconds=RETRY_SECONDS)
        return self._opened
