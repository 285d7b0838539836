"""One command a module: what it asks for, what it prints, how it ends."""
