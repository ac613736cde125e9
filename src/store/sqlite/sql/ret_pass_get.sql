SELECT grenze, key, fertig FROM raeumung WHERE was = ?1
