"""Backend `vertex`: a job as a CustomJob of Vertex AI, tried in one placement after the other."""
