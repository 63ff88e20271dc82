"""Code and outputs on their way between the submitting machine and the job."""
