-- Marks of processes that began more than 400 days ago: one that still runs has to be started again.
DELETE FROM mark WHERE since < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 34560000000000
