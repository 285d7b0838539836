"""Plain text, delimited tables, RTF."""
