"""The use cases: what a handler does, in terms of the core's rules and the adapters' services."""
