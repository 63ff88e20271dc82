"""The flow as a pipeline of Kubeflow Pipelines: what is compiled from it, and how it is run."""
