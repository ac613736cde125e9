-- What the database holds of what a process has written.
SELECT place, n FROM mark WHERE process = $1
