"""Backend `docker`: the replicas of a job as containers of this machine, as the cloud would start them."""
