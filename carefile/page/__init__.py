"""`result.html`: an extraction as one page for a person."""
