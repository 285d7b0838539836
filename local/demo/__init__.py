"""`make demo`: sends the samples through the real state machine and shows the results."""
