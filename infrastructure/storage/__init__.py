"""Buckets and tables, how long they keep things, their copies and backups."""
