"""Sphinx's settings for the site. `gather.py` has brought the pages together; a broken link is an error (`-W`)."""

project = "Carefile"
copyright = "the authors of Carefile, Apache License 2.0"
extensions = ["myst_parser"]
root_doc = "index"
myst_heading_anchors = 4  # as many levels as links in the pages point to
html_theme = "furo"
html_title = "Carefile"
html_copy_source = False
html_show_sphinx = False
html_theme_options: dict[str, list[str]] = {"top_of_page_buttons": []}
