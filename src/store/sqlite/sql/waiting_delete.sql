DELETE FROM waiting WHERE inbox = ?1
