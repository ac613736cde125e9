//! The commands, one file each. The menu of the room.
