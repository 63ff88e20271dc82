"""Backend `vertex`: a job as Vertex AI's CustomJob, asked about before it is sent, followed from place to place."""
