"""The submitting side: submit a job, follow its log, plan machines."""
