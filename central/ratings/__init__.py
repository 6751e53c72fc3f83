"""From facts to figures: the days that are asked for."""
