SELECT key, sealed FROM bestand
