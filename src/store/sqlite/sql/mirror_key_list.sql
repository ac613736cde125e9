SELECT key FROM mirror_key WHERE mirror = ?1
