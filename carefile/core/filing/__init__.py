"""Where an object goes and what it carries: keys, names, stamps, tags."""
