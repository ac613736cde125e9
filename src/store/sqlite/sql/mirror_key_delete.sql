DELETE FROM mirror_key WHERE mirror = ?1
