SELECT grenze, key, nr, fertig FROM raeumung WHERE was = $1
