"""Alarms, dashboard, metrics, traces and saved queries."""
