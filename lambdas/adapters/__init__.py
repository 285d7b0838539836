"""Everything that speaks to AWS or to the environment: one module a neighbour. No rule of the field lives here."""
