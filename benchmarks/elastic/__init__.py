"""Train on nodes that come and go: a cluster of processes, and jobs that write down when they took each step."""
