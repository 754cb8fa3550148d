"""How results are printed: one file a format."""
