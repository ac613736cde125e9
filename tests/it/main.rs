//! The one integration binary; each module tests one boundary.

mod store;
mod store_contract;
