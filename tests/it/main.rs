//! The one integration binary; each module tests one boundary.

mod route;
