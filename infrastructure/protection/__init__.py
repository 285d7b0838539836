"""Permissions, resource policies, encryption, network, malware protection and accepted findings."""
