"""The output of a Vertex AI job, which Cloud Logging keeps; the job service itself keeps none."""
