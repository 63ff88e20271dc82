"""What a job would use and cost: shown or refused before it is sent."""
