"""What Carefile costs and how fast it is, measured. Nothing here is deployed, and no test depends on a time.

May live here: price tables, counting, measuring, and how the results are told.
"""
