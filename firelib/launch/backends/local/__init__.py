"""Backend `local`: a job as a process of this machine, and the supervisor that records its exit code."""
