//! The C ABI, as programs in C meet it: the header is compiled by strict compilers as C
//! and as C++, what comes out is what Rust gets, mistakes are sentences, and the header
//! says no more and no less than the library has.
//!
//! Asks for `cc`, and uses `c++`, `nm` and `valgrind` where they are.

mod archive;
mod judge;
mod mistakes;
mod symbols;
mod tools;
