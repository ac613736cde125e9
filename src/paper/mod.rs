//! Documents to read: letters as PDF/A-3 and PDF/UA-1, laid out by DIN 5008. Pure. The menu of the room.

pub mod facts;
pub mod fassung;
pub mod flow;
pub mod font;
pub mod head;
pub mod letter;
pub mod page;
pub mod pdf;
pub mod sheet;
pub mod texts;
