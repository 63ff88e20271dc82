"""What runs on the machine that sends a job: submit, follow, plan."""
