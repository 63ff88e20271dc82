"""What the questions about input pipelines share: contenders, their files, fresh processes, and a slow object store."""
