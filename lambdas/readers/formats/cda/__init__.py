"""CDA documents, C-CDA among them."""
