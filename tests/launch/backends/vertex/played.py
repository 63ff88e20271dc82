"""What the fake Vertex AI plays in these tests, and jobs that are sent to it."""

from firelib.launch.backends.vertex.backend import VertexBackend
from firelib.launch.client.log_follower import follow
from firelib.launch.job_spec import Resources
from tests.launch.backends.vertex.test_requests import IMAGE
from tests.launch.fake_jobs import Refusal, Step
from tests.launch.jobs import job

VERTEX = VertexBackend()
QUEUED, PENDING, RUNNING = Step("JOB_STATE_QUEUED"), Step("JOB_STATE_PENDING"), Step("JOB_STATE_RUNNING")
DONE = Step("JOB_STATE_SUCCEEDED")
STOCK_OUT = Step(
    "JOB_STATE_FAILED", "Resources are insufficient in region: europe-west4. Please try a different region."
)
LOST_SPOT = Step("JOB_STATE_FAILED", "STOCKOUT: the Spot VMs of workerpool1 were lost and no others are available.")
PREEMPTED = Step("JOB_STATE_FAILED", "The replica workerpool0-0 was preempted too often.")
NO_QUOTA = Refusal(
    429,
    "The following quota metrics exceed quota limits: aiplatform.googleapis.com/custom_model_training_nvidia_l4_gpus",
)
TOO_FAST = Refusal(429, "Quota exceeded for requests per minute per region")


def spec_for(service, tmp_path, regions="europe-west4,us-central1", **fields):
    target = {"project": "my-lab", "region": regions, "endpoint": service.url}
    given = {"image": IMAGE, "storage_root": "gs://bucket/x", "resources": Resources(machine="g2-standard-8")}
    return job(**{**given, "project": str(tmp_path), "target": target, **fields})


def ended(record):
    parts: list[str] = []
    return follow(VERTEX, record, parts.append, pause=0.01), "".join(parts)


def regions_of(service):
    return [name.split("/")[3] for name in service.jobs]
