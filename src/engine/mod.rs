//! The engine: door, read, do, commit, dispatch. The menu of the room; knows only contracts.
