"""Who may do what, under which key, from which network; and the findings that are accepted."""
