"""Sphinx's settings for the site. `gather.py` has brought the pages together; a broken link is an error (`-W`)."""

project = "Carefile"
copyright = "the authors of Carefile, Apache License 2.0"
extensions = ["myst_parser"]
myst_enable_extensions = [
    "html_image"
]  # a picture in HTML, which can state its width, is looked for like any other
smartquotes = False  # or an option, --watch, has a dash
root_doc = "index"
myst_heading_anchors = 4  # as many levels as links in the pages point to
html_theme = "furo"
html_title = "Carefile"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["carefile.css"]
html_theme_options: dict[str, list[str]] = {"top_of_page_buttons": []}
