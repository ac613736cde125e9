DELETE FROM inbox_subject WHERE inbox = ?1
