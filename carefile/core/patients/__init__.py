"""The patient directory: whom the clinic knows, and what a name, a date or an id says of them."""
