"""How benchmarks measure, and how results are stored and shown."""
