-- The data key wrapped by another key.
UPDATE sealed SET mandant_key = $2, subject_key = $3, data_key = $4 WHERE nr = $1
