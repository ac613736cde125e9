-- Drops a month that is over, by the owner's function, which looks for itself; NULL where it may not go.
SELECT monat_raeumen($1, $2, $3)
