-- Timers that became a message, with their contents.
WITH gone AS (DELETE FROM timer WHERE id = ANY($1::uuid[]) RETURNING nr)
DELETE FROM sealed s USING gone WHERE s.nr = gone.nr
