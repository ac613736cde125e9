-- Counts on at a place of this process.
INSERT INTO mark AS m (process, place, n, since)
VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
ON CONFLICT (process, place) DO UPDATE SET n = excluded.n
