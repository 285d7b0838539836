"""A stage's settings: what they are, what is allowed, and where they are read from."""
