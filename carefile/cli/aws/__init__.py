"""Access to AWS: the connection, executions, Map Runs, objects of both buckets and catalog entries."""
