"""One DICOM object at a time: its header, its pixels, its geometry."""
