"""Small breakages of the code, one at a time, and whether the fast tests notice them: `make mutants`."""
