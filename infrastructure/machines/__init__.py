"""The state machines: their definitions, what is composed of them, and the functions that they call."""
