"""The Kubernetes API as our launcher and executors ask it: never for long, and telling "no" from "no answer".

dagster-k8s waits without a limit for an answer, and repeats what fails after 10 s each, three times: with twenty
runs an outage of the API holds run monitoring up for minutes.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import kubernetes.client
import urllib3.exceptions
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster_k8s.client import DagsterK8sUnrecoverableAPIError, DagsterKubernetesClient, PatchedApiClient
from kubernetes.client.exceptions import ApiException

# Seconds to connect, and to wait for an answer.
_TIMEOUT = (3.0, 15.0)
_ATTEMPTS = 4
_PAUSE_SECONDS = 2.0
_NOT_FOUND = 404
_CONFLICT = 409
# The server's trouble (5xx), too many requests, and a token that is being renewed (401). 0: a broken TLS connection.
_PASSING = {0, 401, 429}


class KubernetesUnreachableError(DagsterUserCodeUnreachableError):
    """The API gave no answer to go by.

    One of Dagster's errors of code servers because those alone put a run back into the queue instead of failing it
    (`max_user_code_failure_retries`): the run's Job was not made, and can be made later.
    """


class BoundedApiClient(PatchedApiClient):
    """A client whose every request ends after some seconds."""

    def __init__(self) -> None:
        """Use the configuration that is loaded."""
        configuration = kubernetes.client.Configuration.get_default_copy()
        # urllib3's own three would quadruple the time to connect.
        configuration.retries = 1
        super().__init__(configuration)

    def request(self, *arguments: Any, **named: Any) -> Any:
        """Send a request; see the generated client."""
        if named.get("_request_timeout") is None:
            named["_request_timeout"] = _TIMEOUT
        return super().request(*arguments, **named)


class KubernetesClient(DagsterKubernetesClient):
    """Dagster's client, with short waits and answers that can be relied on.

    Raises:
        KubernetesUnreachableError: from every method here, when the API gave no answer.
    """

    def __init__(self, batch_api: Any = None, core_api: Any = None, sleeper: Any = time.sleep) -> None:
        """Use these APIs, or new ones made from the configuration that is loaded."""
        super().__init__(  # type: ignore[no-untyped-call]
            batch_api or kubernetes.client.BatchV1Api(BoundedApiClient()),
            core_api or kubernetes.client.CoreV1Api(BoundedApiClient()),
            logging.getLogger(__name__).info,
            sleeper,
            time.time,
        )

    def get_job_status(
        self,
        job_name: str,
        namespace: str,
        wait_time_between_attempts: float = _PAUSE_SECONDS,  # noqa: ARG002 - it asks once
    ) -> Any:
        """Return a Job's status, or None if the API says that there is no such Job."""
        job = self.read_job(job_name, namespace)
        return job.status if job else None

    def read_job(self, job_name: str, namespace: str) -> Any:
        """Return a Job (V1Job), or None if the API says that there is none."""
        return _found(
            f"read Job {namespace}/{job_name}", self.batch_api.read_namespaced_job_status, job_name, namespace
        )

    def read_pods(self, job_name: str, namespace: str) -> tuple[list[Any], list[Any]]:
        """Return the pods of a Job (V1Pod), and the events of the Job and its pods (CoreV1Event), oldest first.

        What the launcher has no right to read is left out: that must not keep a dead run alive.
        """
        pods = self._listed(
            f"list the pods of Job {namespace}/{job_name}", self.get_pods_in_job, job_name, namespace
        )
        events: list[Any] = []
        for name in [job_name, *(pod.metadata.name for pod in pods)]:
            events += self._listed(
                f"list the events of {namespace}/{name}", self.retrieve_pod_events, name, namespace
            )
        return pods, events

    def read_pod(self, name: str, namespace: str) -> Any:
        """Return a pod (V1Pod), or None if the API says that there is none."""
        return _found(f"read pod {namespace}/{name}", self.core_api.read_namespaced_pod, name, namespace)

    def get_pod_by_name(self, pod_name: str, namespace: str) -> Any:
        """Return a pod (V1Pod): an executor asks so for its own, which its steps go with.

        Raises:
            ApiException: the API refused, or there is none.
        """
        with _reaching(f"read pod {namespace}/{pod_name}"):
            return self.core_api.read_namespaced_pod(pod_name, namespace)

    def find_pods(self, label_selector: str, namespace: str) -> list[Any]:
        """Return the pods (V1Pod) with these labels; none without the right to list them."""
        what = f"list the pods with {label_selector} in {namespace}"
        return self._listed(what, self._pods_with, label_selector, namespace)

    def _pods_with(self, label_selector: str, namespace: str) -> Any:
        return self.core_api.list_namespaced_pod(namespace, label_selector=label_selector).items

    def delete_jobs(self, label_selector: str, namespace: str) -> None:
        """Delete Jobs and their pods, those of them that still are there."""
        what = f"list the Jobs with {label_selector} in {namespace}"
        for job in self._listed(what, self._jobs_with, label_selector, namespace):
            self.delete_job(job.metadata.name, namespace)

    def delete_job(self, job_name: str, namespace: str) -> bool:
        """Delete a Job and its pods; return whether it was there.

        Dagster's own deletes the pods itself, for which its account needs the right to delete any pod.
        """
        try:
            self.batch_api.delete_namespaced_job(job_name, namespace, propagation_policy="Background")
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        return True

    def _jobs_with(self, label_selector: str, namespace: str) -> Any:
        return self.batch_api.list_namespaced_job(namespace, label_selector=label_selector).items

    def _listed(self, what: str, ask: Any, *arguments: str) -> list[Any]:
        try:
            with _reaching(what):
                return list(ask(*arguments))
        except ApiException:
            return []

    def create_namespaced_job_with_retries(
        self, body: Any, namespace: str, wait_time_between_attempts: float = _PAUSE_SECONDS
    ) -> None:
        """Create a Job (V1Job or dict). One of that name was made by an attempt whose answer was lost: names have the run's id.

        Raises:
            DagsterK8sUnrecoverableAPIError: the API refused it.
        """
        name = body["metadata"]["name"] if isinstance(body, dict) else body.metadata.name
        told = f"create Job {namespace}/{name}"
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.batch_api.create_namespaced_job(body=body, namespace=namespace)
            except ApiException as error:
                if error.status == _CONFLICT:
                    return
                if not is_passing(error):
                    raise DagsterK8sUnrecoverableAPIError(
                        f"Kubernetes refused to {told}: {_answer(error)}",
                        k8s_api_exception=error,
                        original_exc_info=(type(error), error, error.__traceback__),
                    ) from error
                failure: Exception = error
            except urllib3.exceptions.HTTPError as error:
                failure = error
            else:
                return
            if attempt == _ATTEMPTS:
                raise KubernetesUnreachableError(_told(told, failure)) from failure
            self.sleeper(wait_time_between_attempts)


def is_passing(error: ApiException) -> bool:
    """Whether the same request may be answered a moment later."""
    return error.status in _PASSING or (error.status or 0) >= 500  # noqa: PLR2004 - HTTP's server errors


@contextmanager
def _reaching(what: str) -> Iterator[None]:
    """Raise KubernetesUnreachableError in the place of what may pass; an answer of the API's (ApiException) goes on as it is."""
    try:
        yield
    except ApiException as error:
        if is_passing(error):
            raise KubernetesUnreachableError(_told(what, error)) from error
        raise
    except urllib3.exceptions.HTTPError as error:
        raise KubernetesUnreachableError(_told(what, error)) from error


def _found(what: str, ask: Callable[..., Any], name: str, namespace: str) -> Any:
    """Return an object, or None if the API says that there is none; whatever else it says is no answer to go by."""
    try:
        with _reaching(what):
            return ask(name, namespace)
    except ApiException as error:
        if error.status == _NOT_FOUND:
            return None
        raise KubernetesUnreachableError(_told(what, error)) from error


def _told(what: str, error: Exception) -> str:
    return f"The Kubernetes API can't be asked to {what}: {_answer(error)}"


def _answer(error: Exception) -> str:
    """Return an error in a line; the answer's body has the reason, its headers are noise."""
    if isinstance(error, ApiException):
        body = f": {error.body}" if error.body else ""
        return f"{error.status} {error.reason}{body}".strip()
    return f"{type(error).__name__}: {error}"
