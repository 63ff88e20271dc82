"""Google Cloud machine types, GPUs and prices."""
