"""Follow uploads, redrive failed executions, resubmit dead letters."""
