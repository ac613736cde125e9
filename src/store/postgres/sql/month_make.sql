-- The partitions of a month, made by the owner's function where they are missing.
SELECT monat_anlegen($1)
