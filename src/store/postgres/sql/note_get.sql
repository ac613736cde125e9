SELECT value FROM note WHERE key = $1
