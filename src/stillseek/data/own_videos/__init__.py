"""People's own videos: their annotations become a data set like any other."""
