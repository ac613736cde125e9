//! The steps: what a route may do. The menu of the room; every step is a file and two lines here.

pub mod step;
