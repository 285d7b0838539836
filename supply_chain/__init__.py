"""What Carefile is made of beside its own code: what is locked, under which licence, and what is known against it."""
