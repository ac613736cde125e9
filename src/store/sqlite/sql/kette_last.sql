SELECT chain FROM nachweiskette ORDER BY row DESC LIMIT 1
