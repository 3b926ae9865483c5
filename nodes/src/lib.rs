//! The built-in kinds, one file each: its settings, how it is built, how it runs,
//! its tests.
//!
//! Adding one is a file and a line in [`kinds`]; removing one breaks its own tests
//! and the graphs that use it, nothing else.

#![forbid(unsafe_code)]

mod agc;
mod dc;
#[cfg(feature = "denoise")]
mod denoise;
mod f32le;
mod gain;
mod highpass;
mod level;
mod limiter;
mod mix;
#[cfg(feature = "opus")]
mod opus;
mod pcm16;
#[cfg(feature = "suppress")]
mod suppress;

pub use agc::Agc;
pub use dc::Dc;
#[cfg(feature = "denoise")]
pub use denoise::Denoise;
pub use f32le::F32le;
pub use gain::Gain;
pub use highpass::Highpass;
pub use level::Level;
pub use limiter::Limiter;
pub use mix::Mix;
#[cfg(feature = "opus")]
pub use opus::Opus;
pub use pcm16::Pcm16;
#[cfg(feature = "suppress")]
pub use suppress::Suppress;

use tympan_core::KindInfo;

/// Every kind of this crate.
pub fn kinds() -> impl Iterator<Item = KindInfo> {
    const KINDS: &[KindInfo] = &[
        KindInfo::of::<Agc>(),
        KindInfo::of::<Dc>(),
        #[cfg(feature = "denoise")]
        KindInfo::of::<Denoise>(),
        KindInfo::of::<F32le>(),
        KindInfo::of::<Gain>(),
        KindInfo::of::<Highpass>(),
        KindInfo::of::<Level>(),
        KindInfo::of::<Limiter>(),
        KindInfo::of::<Mix>(),
        #[cfg(feature = "opus")]
        KindInfo::of::<Opus>(),
        KindInfo::of::<Pcm16>(),
        #[cfg(feature = "suppress")]
        KindInfo::of::<Suppress>(),
    ];
    KINDS.iter().copied()
}

#[cfg(test)]
mod bench_top;
