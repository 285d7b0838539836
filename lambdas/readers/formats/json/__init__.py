"""JSON and JSON lines of any other kind."""
