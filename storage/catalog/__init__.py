"""Reading catalogs: finding their files, cutting them into splits, reading a split's rows."""
