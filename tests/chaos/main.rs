//! What a disk can do to a take: fail at any call, fill up, lose power; and a process
//! that dies at any of them. Virtual time, a disk in memory, the recorder that apps link.

mod disk;
mod faults;
mod power;
mod studio;
