"""The commands that open the browser: what they show is served on this machine only."""
