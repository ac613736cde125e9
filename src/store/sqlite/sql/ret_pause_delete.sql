DELETE FROM pause WHERE until < ?1
