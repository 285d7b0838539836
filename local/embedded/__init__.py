"""The process of the embedded AWS: ministack with Carefile's fixes."""
