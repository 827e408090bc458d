"""One figure of the report per file: facts in, an SVG element with its text alternative out."""
