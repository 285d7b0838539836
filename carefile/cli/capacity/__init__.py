"""What a rate of uploads asks of AWS, and what AWS allows: for `carefile doctor --rate` and for the simulation."""
