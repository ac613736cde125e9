//! The one integration binary; each module tests one boundary.

mod xoev;
mod xoev_oracle;
