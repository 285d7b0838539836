"""Who is a patient, and what people have decided: the patient directory and the record of decisions."""
