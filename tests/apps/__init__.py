"""Applications as a whole: apps.md, sections 3 to 6."""
