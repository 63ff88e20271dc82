"""Report metrics and checkpoints to Ray Train. A report is a barrier: every worker must take part."""

from collections.abc import Mapping


def report(metrics: Mapping[str, float], checkpoint: str | None) -> None:
    """Report metrics and, on rank 0, a checkpoint that is already in the run's folder.

    Args:
        metrics: Metrics of the run so far.
        checkpoint: URI of the checkpoint's folder, or None; ignored on other ranks.
    """
    import ray.train
    from ray.train.v2.api.report_config import CheckpointUploadMode

    context = ray.train.get_context()
    if checkpoint is None or context.get_world_rank() != 0:
        ray.train.report(dict(metrics))
        return
    storage = context.get_storage()
    folder = f"{storage.experiment_fs_path}/{checkpoint.rpartition('/')[2]}"
    ray.train.report(
        dict(metrics),
        checkpoint=ray.train.Checkpoint(folder, storage.storage_filesystem),
        checkpoint_upload_mode=CheckpointUploadMode.NO_UPLOAD,  # firelib has written it to its final folder
    )
