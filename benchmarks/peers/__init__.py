"""What firelib is compared with: one peer a file, each with the settings that were found best for it."""
