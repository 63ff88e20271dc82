"""What firelib knows of Google Cloud: machine types, GPUs, prices."""
