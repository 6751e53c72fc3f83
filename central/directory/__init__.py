"""Who is who, and who stood where: halls, windows, devices, and what the devices are told."""
