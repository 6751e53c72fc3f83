"""The way to the centre: what goes up, how often it is tried, what the centre answers."""
