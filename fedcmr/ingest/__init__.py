"""A hospital's DICOM export becomes a data set; the same preparation serves prediction."""
