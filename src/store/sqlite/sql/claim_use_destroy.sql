DELETE FROM claim_use WHERE sealed IN (SELECT row FROM sealed WHERE subject_key = ?1)
