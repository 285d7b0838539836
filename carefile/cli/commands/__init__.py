"""One module per command: its options, its output and its exit code."""
