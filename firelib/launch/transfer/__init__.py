"""What travels between the sender of a job and the job: code and outputs."""
