"""The rules of Carefile: pure functions over frozen values.

Nothing in this package imports anything but the standard library, and nothing in it reads a clock, the network,
the disk or the environment.
"""
