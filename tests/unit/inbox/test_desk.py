"""The inbox over real records: what waits, why, whose it may be, and what a decision asks of the deployment."""
