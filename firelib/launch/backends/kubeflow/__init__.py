"""Backend `kubeflow`: a job as a TrainJob of Kubeflow or a RayJob of KubeRay, and what their pods have in common."""
