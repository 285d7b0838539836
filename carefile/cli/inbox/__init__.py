"""The inbox: the page on which a person decides whose the unknown documents and sessions are."""
