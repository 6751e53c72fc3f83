"""What a bundle's install.sh runs: Python's own library and systemd, nothing else."""
