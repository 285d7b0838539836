"""`carefile`, the operator's command: one module a command in `commands/`, and rooms for what commands share.

Of the functions' code it imports the rules (`carefile.core`) and nothing else.
"""
