-- The numbers of all keys that are there.
SELECT row FROM subject_key
