UPDATE mirror SET schluessel_stand = ?2, schluessel_von = ?2, schluessel_version = 2 WHERE row = ?1
