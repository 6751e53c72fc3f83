"""What devices and the hall's document mean: custody of what comes in, and what is said back."""
