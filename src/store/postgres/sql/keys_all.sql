-- All keys that are there.
SELECT nr FROM subject_key
