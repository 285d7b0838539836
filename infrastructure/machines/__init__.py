"""The state machines: their definitions, how they are composed, and the functions they call."""
