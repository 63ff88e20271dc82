"""Peers that firelib is compared with: one per file, each with the best settings that were found."""
