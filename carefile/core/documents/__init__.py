"""What was read out of a document, as values."""
