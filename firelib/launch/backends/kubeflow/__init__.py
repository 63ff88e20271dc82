"""Backend `kubeflow`: a job as a TrainJob of Kubeflow Trainer or a RayJob of KubeRay; the whole flow as a pipeline."""
