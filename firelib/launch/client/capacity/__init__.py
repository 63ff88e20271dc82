"""Which machines bring a number of rows through the pipeline before a deadline, and what they cost."""
