"""Is it the device's own record, whole and once? `intake` takes a batch, `batch` has its steps."""
