"""What routes of the API answer with, made of what was judged."""
