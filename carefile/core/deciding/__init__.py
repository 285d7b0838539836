"""What an object is and whose: rules, classification, identity, malware verdicts, adoption."""
