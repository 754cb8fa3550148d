"""Configs that other people wrote: every file below a folder, held against what must be true of any of them."""
