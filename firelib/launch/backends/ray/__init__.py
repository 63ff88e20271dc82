"""Backend `ray`: a job of a Ray cluster that is there already, and how its outputs come back."""
