"""Pages of one file: style, figures as SVG, numbers as a reader expects them."""
