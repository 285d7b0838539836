"""XML of any other kind, and the tree and narrative that CDA and FHIR share."""
