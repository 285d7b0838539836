"""Buckets and tables, their retention, replication and backups."""
