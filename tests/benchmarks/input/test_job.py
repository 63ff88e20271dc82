"""A job is sent to other environments."""

from benchmarks.input.job import Job


def test_job_survives_the_way_to_another_process() -> None:
    schema = {"image": ("uint8", (28, 28)), "name": ("string", ()), "label": ("int64", ())}
    job = Job("tf_data", "s3://bucket/data", schema, 512, 2, "/cache", {"tuned": True})
    assert Job.from_json(job.to_json()) == job
    assert job.is_remote
    assert not Job("tf_data", "/data", schema, 512, 2, "/cache").is_remote
