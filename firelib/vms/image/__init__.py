"""What a VM boots from: the base image, which VMs share, and the seed of each."""
