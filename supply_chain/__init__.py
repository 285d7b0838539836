"""Third-party packages: what is locked, under which licence, with which known vulnerabilities."""
