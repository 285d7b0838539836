"""`python -m carefile`: the same as the command `carefile`."""

from carefile.app import main

main()
