"""What `--from` names, and the generated data of examples."""
