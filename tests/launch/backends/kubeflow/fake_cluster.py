"""A stand-in of a Kubernetes API server on loopback, as strict as the real one. It starts no pods by itself.

It serves what firelib's client and `kubectl` ask: discovery, custom resources (held against the schemas of their
operators' versions), pods with several containers, logs, secrets, access reviews, garbage collection by owner.
"""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

import yaml

from firelib.launch.backends.kubeflow.resources import API
from tests.http_server import http_server
from tests.launch.backends.kubeflow.crd_schemas import find_unknown

GROUPS = {"trainer.kubeflow.org": "v1alpha1", "ray.io": "v1"}


class FakeCluster:
    """What the server knows. Tests change it.

    Attributes:
        version: Version of Kubernetes, which names Google's clusters.
        operators: API group → version of the installed operator.
        denied: Verb and resource of the rights that the caller lacks.
        token: The valid token; None lets everyone in.
    """

    def __init__(self):
        self.version = "v1.32.4-gke.1106006"
        self.operators = {"trainer.kubeflow.org": "2.2", "ray.io": "1.6"}
        self.namespaces = {"default", "lab"}
        self.kept, self.pods, self.logs = {}, {}, {}
        self.secrets, self.accounts, self.denied = {}, set(), set()
        self.token = None
        self.log_of_requests = []

    def add_pod(self, name, labels, containers, phase="Running", ready=True, namespace="default", **status):
        """Create or replace a pod; pods that are added later are younger."""
        age = self.pods.get(name, {}).get("metadata", {}).get("creationTimestamp")
        age = age or f"2026-01-01T00:00:{len(self.pods):02}Z"
        self.pods[name] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": labels, "creationTimestamp": age},
            "spec": {"containers": [{"name": each, "image": "i"} for each in containers]},
            "status": {"phase": phase, "conditions": [_condition("Ready", ready)], **status},
        }

    def objects(self, plural):
        """Return name → object of one kind."""
        return {path.rpartition("/")[2]: each for path, each in self.kept.items() if f"/{plural}/" in path}

    def answer(self, method, path, query, body, token):
        """Return the HTTP status and the body of the answer."""
        self.log_of_requests.append((method, path))
        if self.token and token != f"Bearer {self.token}":
            return _status(401, "Unauthorized", "Unauthorized")
        if path.endswith("/selfsubjectaccessreviews"):
            asked = body["spec"]["resourceAttributes"]
            name = "/".join(filter(None, [asked["resource"], asked.get("subresource")]))
            return 201, {**body, "status": {"allowed": (asked["verb"], name) not in self.denied}}
        return self._discover(path) or self._answer_core(path, query) or self._answer_custom(method, path, query, body)

    def _discover(self, path):
        served = {
            "/version": {"major": "1", "minor": "32", "gitVersion": self.version},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(each) for each in self.operators]},
            "/api/v1": _resources("v1", {"Pod": "pods", "Namespace": "namespaces"}),
        }
        for group in self.operators:
            kinds = {kind: plural for kind, (owner, _, plural) in API.items() if owner == group}
            served[f"/apis/{group}/{GROUPS[group]}"] = _resources(f"{group}/{GROUPS[group]}", kinds)
        return (200, served[path]) if path in served else None

    def _answer_core(self, path, query):
        if not path.startswith("/api/v1/namespaces/"):
            return None
        namespace, _, rest = path.removeprefix("/api/v1/namespaces/").partition("/")
        kind, _, name = rest.partition("/")
        if not rest:
            return (200, {"kind": "Namespace"}) if namespace in self.namespaces else _not_found("namespaces", namespace)
        if ("get", kind) in self.denied:
            return _forbidden("get", kind, "")
        if kind == "pods":
            return self._answer_pods(namespace, name, query)
        if kind == "secrets" and name in self.secrets:
            return 200, {"kind": "Secret", "data": self.secrets[name]}
        if kind == "serviceaccounts" and name in self.accounts:
            return 200, {"kind": "ServiceAccount"}
        return _not_found(kind, name)

    def _answer_pods(self, namespace, name, query):
        if not name:
            wanted = dict(each.split("=") for each in query.get("labelSelector", "").split(",") if each)
            found = [pod for pod in self.pods.values() if wanted.items() <= pod["metadata"]["labels"].items()]
            return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": found[::-1]}
        name, _, log = name.partition("/")
        if name not in self.pods:
            return _not_found("pods", name)
        if not log:
            return 200, self.pods[name]
        containers = [each["name"] for each in self.pods[name]["spec"]["containers"]]
        container = query.get("container") or (containers[0] if len(containers) == 1 else "")
        if container not in containers:
            choice = f"a container name must be specified for pod {name}, choose one of: [{' '.join(containers)}]"
            return _status(400, "BadRequest", choice)
        return 200, self.logs.get((name, container), "")

    def _answer_custom(self, method, path, query, body):
        parts = path.strip("/").split("/")
        if len(parts) < 6 or parts[1] not in self.operators:
            return 404, "404 page not found\n"  # what a server says about paths that no CRD serves
        group, namespace, plural = parts[1], parts[4], parts[5]
        verb = {"POST": "create", "GET": "get", "DELETE": "delete", "PATCH": "patch"}[method]
        if (verb, plural) in self.denied:
            return _forbidden(verb, plural, group)
        if namespace not in self.namespaces:
            return _not_found("namespaces", namespace)
        if method == "POST":
            return self._create(path, query, body, group)
        if path not in self.kept:
            return _not_found(plural, parts[-1])
        if method == "PATCH":
            self.kept[path]["metadata"].update(body["metadata"])
        return 200, (self._delete(path) if method == "DELETE" else self.kept[path])

    def _create(self, path, query, body, group):
        unknown = find_unknown(body, self.operators[group])
        if unknown and query.get("fieldValidation") == "Strict":
            named = ", ".join(f'unknown field "{each}"' for each in unknown)
            return _status(400, "BadRequest", f"{body['kind']} cannot be handled: strict decoding error: {named}")
        path = f"{path}/{body['metadata']['name']}"
        if path in self.kept:
            return _status(409, "AlreadyExists", f"{body['metadata']['name']!r} already exists")
        self.kept[path] = {**body, "metadata": {**body["metadata"], "uid": f"uid-{len(self.log_of_requests)}"}}
        return 201, self.kept[path]

    def _delete(self, path):
        """Delete an object and, as Kubernetes' garbage collector does, all that it owns."""
        deleted = self.kept.pop(path)
        for other, each in [*self.kept.items()]:
            owners = [owner["uid"] for owner in each["metadata"].get("ownerReferences", [])]
            if deleted["metadata"]["uid"] in owners:
                self.kept.pop(other)
        return deleted


def _condition(kind, is_true):
    return {"type": kind, "status": "True" if is_true else "False"}


def _status(code, reason, message, **details):
    return code, {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


def _not_found(kind, name):
    return _status(404, "NotFound", f'{kind} "{name}" not found', kind=kind, name=name)


def _forbidden(verb, plural, group):
    message = f'{plural} is forbidden: User "me" cannot {verb} resource "{plural}" in API group "{group}"'
    return _status(403, "Forbidden", message)


def _group(name):
    version = {"groupVersion": f"{name}/{GROUPS[name]}", "version": GROUPS[name]}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _resources(version, kinds):
    verbs = ["create", "delete", "get", "list", "patch"]
    listed = [
        {
            "name": plural,
            "singularName": kind.lower(),
            "namespaced": plural != "namespaces",
            "kind": kind,
            "verbs": verbs,
        }
        for kind, plural in kinds.items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": listed}


@contextmanager
def serving(cluster):
    """Serve a cluster on loopback; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            given = json.loads(body) if body else None
            token = self.headers.get("Authorization")
            code, found = cluster.answer(self.command, url.path, dict(parse_qsl(url.query)), given, token)
            data = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = do_PATCH = reply  # noqa: N815  the server's names

    with http_server(Handler) as address:
        yield f"http://{address}"


def write_kubeconfig(address, folder, token=None):
    """Write a configuration of kubectl that points to a server; return the file."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": address}}],
        "users": [{"name": "me", "user": {"token": token} if token else {}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
    }
    file = folder / "kube.yaml"
    file.write_text(yaml.safe_dump(config))
    return file
