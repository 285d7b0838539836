"""Move objects into Carefile or between layouts: uploads, backfill forecasts, adoption, migration."""
