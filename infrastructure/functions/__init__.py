"""The functions: their package, and what each one gets beside its code."""
