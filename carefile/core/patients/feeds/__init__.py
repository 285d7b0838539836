"""What systems hand over about patients: CSV, FHIR Patient and HL7 v2 ADT, each record as one thing that is stated."""
