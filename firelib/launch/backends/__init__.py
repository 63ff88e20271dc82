"""One package for each environment that runs jobs."""
