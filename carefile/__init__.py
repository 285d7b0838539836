"""`carefile`, the operator's command, and what scripts may import of it.

    where(patient_id, session_id=None)     the prefix that holds a patient's sessions

May live here: the command line, what it reads from AWS and how it shows it. One command a module in `commands/`. Of the
functions' code it imports the rules (`lambdas.core`) and nothing else.
"""

from carefile.places import where

__all__ = ["where"]
