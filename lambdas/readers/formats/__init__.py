"""One room a format: its reader and what only that format needs."""
