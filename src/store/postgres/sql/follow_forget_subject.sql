-- Everything that is sealed under this child's or Vorgang's key.
DELETE FROM followed WHERE nr IN (SELECT nr FROM sealed WHERE subject_key = $1)
