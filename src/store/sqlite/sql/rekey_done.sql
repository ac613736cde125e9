UPDATE mirror SET schluessel_stand = ?2 WHERE row = ?1
