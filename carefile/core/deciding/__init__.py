"""What an object is and whose: rules, classification, identity, what malware protection and adoption allow."""
