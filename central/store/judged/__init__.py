"""SQL of services and ratings, of what they stand as, and of what that adds up to."""
