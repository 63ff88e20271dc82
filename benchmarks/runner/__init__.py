"""`firelib bench`: runs questions, each in processes of its own, and publishes what they found."""
