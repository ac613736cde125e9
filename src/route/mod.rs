//! The route language: what is written becomes a plan. The menu of the room.
