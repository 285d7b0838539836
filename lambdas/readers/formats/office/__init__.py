"""Office files, old and new, and the ZIP archives that the new ones are."""
