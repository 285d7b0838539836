"""What is read from AWS: the connection, executions, Map Runs, objects of both buckets, the catalog's entries."""
