//! Files out of packets: as long as what was captured, to the sample, for our own strict
//! reader and for the programs that others use.

#![forbid(unsafe_code)]

mod flac;
mod judges;
mod kit;
mod ogg;
mod opus;
mod shipped;
