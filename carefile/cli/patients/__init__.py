"""Operations on one patient's records: find every trace, forget, assign."""
