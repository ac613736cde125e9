-- Where the Nachweiskette begins and which number was given out last.
SELECT coalesce(k.row, 0), coalesce(k.chain, x''), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)
FROM (SELECT 1) LEFT JOIN kette_anfang k ON k.eins = 1
