"""What Carefile remembers: catalog entries, sessions' entries, and how both are recovered from S3."""
