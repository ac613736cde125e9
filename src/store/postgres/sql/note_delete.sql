DELETE FROM note WHERE key = $1
