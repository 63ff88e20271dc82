"""Word to Ray Train, in which every worker has to join."""

from collections.abc import Mapping


def report(metrics: Mapping[str, float], checkpoint: str | None) -> None:
    """Report metrics, and on rank 0 the folder of a checkpoint that lies in the run's folder already.

    Args:
        metrics: Of the run so far.
        checkpoint: URI of its folder; ranks other than 0 are not asked.
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
        checkpoint_upload_mode=CheckpointUploadMode.NO_UPLOAD,  # it is written there once, by us
    )
