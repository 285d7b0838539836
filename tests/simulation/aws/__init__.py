"""Clients with boto3's methods and AWS's semantics, on plain memory. Every call is a step of the schedule.

Only what the functions use is there; an argument or an expression that is not known here is refused, so that the
simulation never shows an AWS kinder than the real one.
"""
