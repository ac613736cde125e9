-- What the database holds of what these processes have written.
SELECT process, place, n FROM mark WHERE process = ANY($1::uuid[])
