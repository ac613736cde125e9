//! What every back end does alike: sealing before the transaction, opening after it, words of rows. The menu of the room.
//! Never touches a database.

pub mod ahead;
pub mod claim_file;
pub mod claim_names;
pub mod content;
pub mod counts;
pub mod due;
pub mod endet;
pub mod follow;
pub mod heads;
pub mod house;
pub mod keys;
pub mod ledger;
pub mod mark;
pub mod orte;
pub mod prepare;
pub mod rekey;
pub mod shown;
pub mod speaks;
pub mod take_back;
pub mod taking;
pub mod tickets;
pub mod values;
