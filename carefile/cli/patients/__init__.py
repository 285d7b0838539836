"""What is done to one patient's records: finding every trace, forgetting, assigning."""
