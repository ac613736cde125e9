//! Text and secrets in, nothing else: files are read, references to secrets resolved. Knows no route and no transport.
