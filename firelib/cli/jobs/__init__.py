"""Commands about jobs and where they run: the cluster, the list of jobs, a shell in a job."""
