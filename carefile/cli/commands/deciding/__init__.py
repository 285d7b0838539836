"""Commands about decisions: what was decided, and what a person takes out of the layout."""
