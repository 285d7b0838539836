"""Everything that talks to AWS or the environment, one module per neighbour. No rule of the domain lives here."""
