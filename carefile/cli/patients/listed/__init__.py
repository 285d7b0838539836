"""The patient directory: reading and filling it."""
