"""Holding the deployment against itself: doctor, reconciling, rebuilding the catalog, and the repairs."""
