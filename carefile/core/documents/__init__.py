"""What was extracted from a document, as values."""
