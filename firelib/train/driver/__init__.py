"""What runs where `firelib train` was called: the worker group, its health, its restarts."""
