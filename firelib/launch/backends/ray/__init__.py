"""Backend `ray`: a job of an existing Ray cluster, and the download of its outputs."""
