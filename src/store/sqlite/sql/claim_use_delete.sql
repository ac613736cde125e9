DELETE FROM claim_use WHERE sealed = ?1
