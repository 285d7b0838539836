"""Commands that check a deployment: its health, what is filed, what it relies on AWS for."""
