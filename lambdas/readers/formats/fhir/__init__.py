"""FHIR in JSON, JSON lines and XML."""
