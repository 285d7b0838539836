"""Check the deployment's health and consistency, rebuild the catalog, and repair what was found."""
