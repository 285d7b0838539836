"""Bringing objects in, or from one layout to another: uploads, backfill forecasts, adoption, migration."""
