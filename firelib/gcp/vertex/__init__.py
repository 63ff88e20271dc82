"""A Google Cloud project for jobs on Vertex AI: what it needs, what it lacks, and how to remove it again."""
