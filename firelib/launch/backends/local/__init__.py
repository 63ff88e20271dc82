"""Backend `local`: a job as a process of this machine, and the keeper that stays with it."""
