-- The number of a process that opens the store.
SELECT nextval('lauf')
