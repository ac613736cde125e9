//! The one integration binary: each module tests rooms at their boundary, through public items only.

mod latin;
mod mime;
mod xml;
