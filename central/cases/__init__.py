"""What people do about bad ratings and complaints: opening, steps, limits that are missed."""
