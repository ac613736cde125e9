//! The fault laboratory: the real program on real neighbours is disturbed, and every effect is counted afterwards against an
//! undisturbed run: lost, duplicated, recovered, unexpected; repeats under the same id apart. `DREHSCHEIBE_SEED` sets the seed,
//! `DREHSCHEIBE_LONG=1` plays the long profile; what the normal one leaves out it says.

mod clock;
mod cluster;
mod courier;
mod crowd;
mod disk;
mod frozen;
mod kills;
mod lab;
mod ledger;
mod neighbours;
mod network;
mod panics;
mod play;
mod poison;
mod proxy;
mod queues;
pub mod said;
