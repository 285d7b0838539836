"""The settings of a stage: their types, their validation, and where they are read from."""
