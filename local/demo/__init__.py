"""`make demo`: the samples go through the real state machine, and everything that comes of it is shown."""
