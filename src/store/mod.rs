//! The stores: a narrow contract and its back ends. The menu of the room.

pub mod contract;
