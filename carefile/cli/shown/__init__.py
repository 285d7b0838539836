"""Command output: tables, execution stories, advice on errors. Nothing here changes anything in AWS."""
