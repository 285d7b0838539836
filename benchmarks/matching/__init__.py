"""`make bench-matching`: how often documents find their patients, and that none finds another's."""
