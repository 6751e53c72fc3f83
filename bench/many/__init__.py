"""Many halls at one centre: the benches `live` and `province`, and what both are made of."""
