"""Backend `docker`: the replicas of a job as containers on this machine, in the environment of a Vertex AI job."""
