//! XTA 2 as it stands on the wire: one model, two codecs (module 2.1.1 and core 3.1.1), SOAP 1.2, addressing, parts beside it.
//! It never opens a connection, holds a large part, or believes an identity that a message states: who may act as whom is
//! proven by the transport.

pub mod names;
pub mod values;
pub mod model;
pub mod fault;
pub mod parts;
pub mod binding;
pub mod package;
pub mod soap;
pub mod element;
pub mod read211;
pub mod read311;
pub mod receive;
pub mod out;
pub mod write211;
pub mod write311;
pub mod write;
pub mod glance;
