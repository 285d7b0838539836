"""Measures what Carefile costs and how fast it is. Nothing here is deployed, and no test depends on timing."""
