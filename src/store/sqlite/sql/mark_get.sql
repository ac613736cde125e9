SELECT n, at, links FROM mark
