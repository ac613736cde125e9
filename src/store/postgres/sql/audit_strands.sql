-- Where each strand of the Nachweiskette begins, and its last link, kept apart from the rows.
SELECT s.nr, coalesce(a.glied, 0), coalesce(a.chain, ''), s.glied, s.chain
FROM strang s LEFT JOIN strang_anfang a ON a.strang = s.nr ORDER BY s.nr
