-- Marks of processes that began more than 400 days ago: one that still runs has to be started again. What is known beside the database of a
-- process is kept here as long, or it would look like a loss.
DELETE FROM mark WHERE since < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 34560000000000 AND process <> ALL($1::uuid[])
