//! Files of all sorts as input: to the sample where they are whole, with a sentence where
//! they are not. The judges are the takes' own accounts, and `ffmpeg` where it is installed.

#![forbid(unsafe_code)]

mod corpus;
mod ffmpeg;
mod hostile;
mod kit;
mod own;
