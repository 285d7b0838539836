"""`make bench-ocr`: what is recognised on degraded pages, beside the distribution's `tesseract`."""
