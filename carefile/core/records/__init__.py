"""What Carefile stores: catalog entries, session entries, and how both are recovered from S3."""
