"""A server that answers as a Kubernetes API server does, from objects that were recorded on a cluster.

For unit tests of one function at a time; what a cluster does with a Job is tested in tests/kind.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

RECORDED = Path(__file__).parents[1] / "unit" / "launch" / "recorded"


def kubeconfig(folder: Path, server: str) -> str:
    """Write a kubeconfig for the API server at this URL and return its path."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [
            {"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "dagster"}}
        ],
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {}}],
    }
    path = folder / "kubeconfig.json"
    path.write_text(json.dumps(config))
    return str(path)


@dataclass
class KubernetesApi:
    """What the server has, and what it was asked. Set `refuse` to (status, reason) to have it refuse all."""

    url: str = ""
    jobs: dict[str, Any] = field(default_factory=dict)
    pods: dict[str, list[Any]] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    refuse: tuple[int, str] | None = None
    refuse_lists: tuple[int, str] | None = None
    refuse_posts: tuple[int, str] | None = None
    # So many requests from now on get no good answer.
    outage: int = 0
    asked: list[str] = field(default_factory=list)
    # Whether Jobs are carried out, as processes of this machine.
    runs_jobs: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def has(self, case: str, job_name: str) -> None:
        """Give it the Job, pods and events that were recorded as `case`, under this name."""
        recorded = json.loads(RECORDED.joinpath(f"{case}.json").read_text())
        recorded["job"]["metadata"]["name"] = job_name
        self.jobs[job_name] = recorded["job"]
        self.pods[job_name] = recorded["pods"]
        for event in recorded["events"]:
            if event["involvedObject"]["kind"] == "Job":
                event["involvedObject"]["name"] = job_name
        self.events += recorded["events"]

    def kubeconfig(self, folder: Path) -> str:
        """Write a kubeconfig for this server and return its path."""
        return kubeconfig(folder, self.url)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        kind = parts[parts.index("namespaces") + 2]
        name = parts[parts.index("namespaces") + 3] if len(parts) > parts.index("namespaces") + 3 else None
        if kind == "jobs":
            return self._jobs(method, name, query, body)
        if method == "DELETE":
            return 200, {"kind": "Status", "status": "Success"}
        if kind == "pods" and name:
            return 200, {
                "kind": "Pod",
                "apiVersion": "v1",
                "metadata": {"name": name, "uid": f"uid-of-{name}"},
            }
        if kind == "pods":
            wanted = query.get("labelSelector", query.get("fieldSelector", [""]))[0].partition("=")[2]
            found = self.pods.get(wanted) or [
                pod for pods in self.pods.values() for pod in pods if pod["metadata"]["name"] == wanted
            ]
            return 200, {"kind": "PodList", "apiVersion": "v1", "items": found}
        wanted = query["fieldSelector"][0].partition("=")[2]
        found = [event for event in self.events if event["involvedObject"]["name"] == wanted]
        return 200, {"kind": "EventList", "apiVersion": "v1", "items": found}

    def _jobs(self, method: str, name: str | None, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if method == "POST":
            name = body["metadata"]["name"]
            if name in self.jobs:
                return 409, {"kind": "Status", "reason": "AlreadyExists"}
            self.jobs[name] = {**body, "status": {"active": 1}}
            if self.runs_jobs:
                self._run(name, body["spec"]["template"]["spec"]["containers"][0])
            return 201, body
        if name is None:
            found = [job for job in self.jobs.values() if _matches(job, query)]
            return 200, {"kind": "JobList", "apiVersion": "batch/v1", "items": found}
        if name not in self.jobs:
            return 404, {"kind": "Status", "reason": "NotFound"}
        if method == "DELETE":
            if name in self.processes:
                self.processes[name].terminate()
            return 200, {"kind": "Status", "status": "Success", "details": self.jobs.pop(name) and {}}
        return 200, self.jobs[name]

    def _run(self, name: str, container: Any) -> None:
        """Do a container's work as a process, and write its end into the Job's status."""
        arguments = container["args"]
        variables = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
        program = Path(sys.executable).with_name(arguments[0])
        process = subprocess.Popen(
            [program, *arguments[1:]], env={**os.environ, **variables, **self.environment}
        )
        self.processes[name] = process

        def end() -> None:
            code = process.wait()
            if name in self.jobs:
                self.jobs[name]["status"] = {"failed": 1} if code else {"succeeded": 1}

        threading.Thread(target=end).start()


def _matches(job: Any, query: dict[str, list[str]]) -> bool:
    """Whether a Job has all labels of the query's selector: `key=value`, or `key` for any value."""
    labels = job["metadata"].get("labels", {})
    for wanted in filter(None, query.get("labelSelector", [""])[0].split(",")):
        key, has_value, value = wanted.partition("=")
        if key not in labels or (has_value and labels[key] != value):
            return False
    return True


@contextmanager
def kubernetes_api() -> Iterator[KubernetesApi]:
    """Serve on a free port of this machine."""
    api = KubernetesApi()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            api.asked.append(f"{self.command} {url.path}")
            if api.outage:
                api.outage -= 1
                self.send_error(503)
                return
            refused = api.refuse or (api.refuse_lists if "jobs/" not in url.path else None)
            refused = refused or (api.refuse_posts if self.command == "POST" else None)
            if refused:
                code, said = refused[0], {"kind": "Status", "reason": refused[1]}
            else:
                code, said = api.answer(self.command, url.path, parse_qs(url.query), body)
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the server's names for them

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield api
    finally:
        for process in api.processes.values():
            process.kill()
        server.shutdown()
        server.server_close()
        thread.join()
