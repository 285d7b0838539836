"""The embedded AWS's own process: ministack with Carefile's mends."""
