//! DIN 91379. The menu of the room.
