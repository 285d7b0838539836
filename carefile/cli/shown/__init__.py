"""What a command prints: tables, stories of executions, advice on errors. Nothing here calls AWS to change anything."""
