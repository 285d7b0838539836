"""Following what runs, and running again what failed: redrive, dead letters."""
