"""The environments that `benchmarks.environments` compares: each runs the same training as a job."""
