"""What comes in and goes out: requests, events, execution names."""
