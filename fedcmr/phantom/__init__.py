"""Synthetic short-axis hearts, written as the DICOM exports that scanners write."""
