"""Buses, rules, dead letters, event schemas and archives."""
