"""The functions that AWS Lambda runs.

While one starts, nothing is collected: all that it loads stays, and looking through that again and again takes a tenth
of the start. `entry_point`, the last thing that a function's module calls, ends it.
"""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()
