"""What exists in the stand-in, and the knobs that tests turn."""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.cluster.fake_gcp.requests import Json, RefusedError, Request, not_found


@dataclass
class Operation:
    """Work that takes time.

    Attributes:
        body: The operation as its service describes it.
        done: Fields that the body has when it is done.
        finish: The effect, at the end.
        requests: How many requests it takes until it is done.
    """

    body: Json
    done: Json
    finish: Callable[[], None]
    requests: int


@dataclass
class FakeCloud:
    """All services of a project.

    Attributes:
        api: URL of the stand-in, without the service.
        resources: Path → body.
        policies: Path of a bucket or repository → IAM policy.
        objects: Path of a bucket → its objects.
        sent: Every request that changed something: method and path.
        bodies: Every request that changed something, with its body.
        created: Path → how often it was created.
        refuse: Kind → what to say instead of creating one.
        full: Zone → how it reports that there is no capacity: `operation`, or `503`.
        limits: Quota of the region or, with the prefix `global:`, of the project → limit and usage.
        immortal: Paths of resources that come back after their deletion.
        family_limits: `gpu_family` or `vm_family` → limit in the Cloud Quotas API.
        training_limits: Suffix of a quota of custom training → limit in europe-west4.
        offered: Zones that have machines of all types.
        operation_requests: How many requests it takes until an operation is done.
        account_delay: How many requests that name a new service account are refused.
        page_size: Resources or objects in one page.
        ignores_filters: Whether lists contain everything, whatever the filter says.
        disabled: Services that are not enabled.
        enabling_requests: How many requests a service still refuses after it has been enabled.
        permissions: What the caller may do; None for everything.
        secrets: Path of a secret → the values of its versions.
        logs: Path of a CustomJob → what its replicas have written, as far as Cloud Logging took it.
        rights_delay: How many requests it takes until a change of a policy is in effect.
        interference: How many writers come between reading and writing an IAM policy, or a machine's metadata.
        on_operation: Called with each new operation, which it may change.
        faults: Returns an error to send instead, or `lost` to execute the request and not to respond.
    """

    api: str = ""
    resources: dict[str, Json] = field(default_factory=dict)
    policies: dict[str, Json] = field(default_factory=dict)
    objects: dict[str, list[Json]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    bodies: list[Json] = field(default_factory=list)
    created: Counter[str] = field(default_factory=Counter)
    refuse: dict[str, str] = field(default_factory=dict)
    full: dict[str, str] = field(default_factory=dict)
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    immortal: set[str] = field(default_factory=set)
    family_limits: dict[str, float] = field(default_factory=dict)
    training_limits: dict[str, float] = field(default_factory=lambda: {"nvidia_l4_gpus": 0, "tpus": 0, "cpus": 42})
    offered: tuple[str, ...] = ("europe-west4-a", "europe-west4-b", "europe-west4-c")
    operation_requests: int = 2
    account_delay: int = 0
    page_size: int = 2
    ignores_filters: bool = False
    disabled: set[str] = field(default_factory=set)
    enabling_requests: int = 0
    permissions: set[str] | None = None
    secrets: dict[str, list[str]] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    rights_delay: int = 0
    interference: int = 0
    on_operation: Callable[[Operation], None] = lambda _: None
    faults: Callable[[Request], RefusedError | str | None] = lambda _: None

    def __post_init__(self) -> None:
        self.operations: dict[str, Operation] = {}
        self.responses: dict[str, Json] = {}
        self.unseen: dict[str, int] = {}
        self.starting: dict[str, int] = {}
        self.effective: dict[str, Json] = {}
        self.pending_policies: list[tuple[int, str, Json]] = []
        self._numbers = itertools.count(1)

    def record(self, request: Request) -> None:
        """Note a request that changes something."""
        self.sent.append(request.key)
        query = {name: value for name, value in request.query.items() if name != "requestId"}
        self.bodies.append({"request": request.key, "query": query, "body": request.body})

    def create(self, path: str, body: Json) -> None:
        self.resources[path] = body
        self.created[path] += 1

    def operate(self, prefix: str, pending: Json, done: Json, finish: Callable[[], None]) -> Json:
        """Start an operation; its path is `prefix/operations/N`."""
        path = f"{prefix}/operations/{next(self._numbers)}"
        body = pending | {"selfLink": self.api + path, "name": path.partition("/v1/")[2]}
        self.operations[path] = Operation(body, done, finish, self.operation_requests)
        self.on_operation(self.operations[path])
        return body

    def pass_time(self) -> None:
        """Let all operations go on; each request takes one unit of time."""
        for operation in list(self.operations.values()):
            operation.requests -= 1
            if operation.requests == 0:
                operation.finish()
                operation.body |= operation.done
        due = [(path, policy) for left, path, policy in self.pending_policies if left <= 0]
        self.effective |= dict(due)
        self.pending_policies = [(left - 1, *rest) for left, *rest in self.pending_policies if left > 0]

    def set_policy(self, path: str, policy: Json) -> None:
        """Store a policy, which takes effect later."""
        self.policies[path] = policy
        self.pending_policies.append((self.rights_delay, path, policy))

    def has_role(self, path: str, role: str, member: str) -> bool:
        """Whether a member has a role on a resource now, by a policy that is in effect."""
        bindings = self.effective.get(path, {}).get("bindings", [])
        return any(binding["role"] == role and member in binding["members"] for binding in bindings)

    def poll(self, path: str) -> Json:
        """The state of an operation."""
        if path not in self.operations:
            raise not_found(path)
        return self.operations[path].body

    def require_account(self, email: str) -> None:
        """Refuse a service account that does not exist, or that other services do not see yet."""
        known = any(path.endswith(f"/{email}") for path in self.resources)
        self.unseen[email] = self.unseen.get(email, 0) - 1
        if not known or self.unseen[email] >= 0:
            raise RefusedError(400, "invalid", f"Service account {email} does not exist.")

    def page(self, items: list[Json], request: Request) -> tuple[list[Json], Json]:
        """The items of the page that a request asks for, and the token of the next one."""
        start = int(request.query.get("pageToken", 0))
        end = start + self.page_size
        return items[start:end], {"nextPageToken": str(end)} if end < len(items) else {}
