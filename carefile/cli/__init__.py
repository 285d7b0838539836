"""`carefile`, the operator's command: one module per command in `commands/`, shared code in the other packages.

It shares the rules (`carefile.core`) with the Lambda functions.
"""
