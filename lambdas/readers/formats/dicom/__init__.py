"""DICOM images and structured reports."""
