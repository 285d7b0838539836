"""`python -m carefile`: the same as the command `carefile`."""

from carefile.cli.app import main

main()
