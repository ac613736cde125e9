-- Versions of what is read and not bumped, held until the end of the transaction, in one order for all processes: whoever writes
-- under such a key waits, and a version that moved since the look is seen here.
SELECT key, version FROM guard WHERE key = ANY($1::bytea[]) ORDER BY key FOR SHARE
