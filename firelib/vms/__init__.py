"""Local VMs for a cluster: made with Debian's packages and QEMU from a cluster file, and removed again."""
