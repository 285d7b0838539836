"""Deterministic simulation of the whole pipeline: the real handlers and the real machine, on an AWS made of memory."""
