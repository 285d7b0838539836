"""How the command explains itself: help in two columns, examples, topics, completion, and guesses at what was meant."""
