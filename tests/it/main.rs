//! The one integration binary; each module tests one boundary.

mod transport_callback;
mod transport_folder;
mod transport_http;
mod transport_menu;
mod transport_multipart;
mod transport_support;
mod transport_timer;
mod transport_tls;
