"""Backend `slurm`: the replicas of a job as tasks of a Slurm job, in the project's own folder."""
