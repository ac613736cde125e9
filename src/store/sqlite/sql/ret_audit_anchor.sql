-- Where the chain begins from now on.
INSERT INTO kette_anfang (eins, row, chain) SELECT 1, row, chain FROM nachweiskette WHERE row = ?1
ON CONFLICT (eins) DO UPDATE SET row = excluded.row, chain = excluded.chain
