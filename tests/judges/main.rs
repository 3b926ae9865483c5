//! Takes before judges: every container, decoded by programs of others, holds exactly the
//! samples that were accepted, and nobody has a word of complaint.
//!
//! By itself it records the speech of this repository, before the judges that are on the
//! machine. `./x judges` brings all of them and records every file of the shared
//! recordings that can be read, wherever they are.

#[path = "../kit/desk.rs"]
mod desk;
mod faults;
mod judges;
mod sounds;
mod studio;
mod takes;
