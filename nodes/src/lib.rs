//! The built-in kinds, one file each: its settings, how it is built, how it runs,
//! its tests.
//!
//! Adding one is a file and a line in [`kinds`]; removing one breaks its own tests
//! and the graphs that use it, nothing else.

#![deny(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "tests are not on the audio path"
    )
)]

mod agc;
mod dc;
#[cfg(feature = "denoise")]
mod denoise;
mod f32le;
#[cfg(feature = "flac")]
mod flac;
mod gain;
mod gate;
mod highpass;
mod kernel;
mod level;
mod limiter;
mod mix;
#[cfg(feature = "opus")]
mod opus;
mod pcm16;
mod resample;
#[cfg(feature = "suppress")]
mod suppress;
mod vad;

pub use agc::Agc;
pub use dc::Dc;
#[cfg(feature = "denoise")]
pub use denoise::Denoise;
pub use f32le::F32le;
#[cfg(feature = "flac")]
pub use flac::Flac;
pub use gain::Gain;
pub use gate::Gate;
pub use highpass::Highpass;
pub use level::Level;
pub use limiter::Limiter;
pub use mix::Mix;
#[cfg(feature = "opus")]
pub use opus::Opus;
pub use pcm16::Pcm16;
pub use resample::{Fir, Resample};
#[cfg(feature = "suppress")]
pub use suppress::Suppress;
pub use vad::Vad;

use tympan_core::KindInfo;

/// Every kind of this crate.
pub fn kinds() -> impl Iterator<Item = KindInfo> {
    const KINDS: &[KindInfo] = &[
        KindInfo::of::<Agc>(),
        KindInfo::of::<Dc>(),
        #[cfg(feature = "denoise")]
        KindInfo::of::<Denoise>(),
        KindInfo::of::<F32le>(),
        #[cfg(feature = "flac")]
        KindInfo::of::<Flac>(),
        KindInfo::of::<Gain>(),
        KindInfo::of::<Gate>(),
        KindInfo::of::<Highpass>(),
        KindInfo::of::<Level>(),
        KindInfo::of::<Limiter>(),
        KindInfo::of::<Mix>(),
        #[cfg(feature = "opus")]
        KindInfo::of::<Opus>(),
        KindInfo::of::<Pcm16>(),
        KindInfo::of::<Resample>(),
        #[cfg(feature = "suppress")]
        KindInfo::of::<Suppress>(),
        KindInfo::of::<Vad>(),
    ];
    KINDS.iter().copied()
}

/// The kinds that this build is without. Each comes with the feature of its name.
pub fn left_out() -> impl Iterator<Item = &'static str> {
    let all = [
        ("denoise", cfg!(feature = "denoise")),
        ("flac", cfg!(feature = "flac")),
        ("opus", cfg!(feature = "opus")),
        ("suppress", cfg!(feature = "suppress")),
    ];
    all.into_iter().filter(|(_, is_in)| !is_in).map(|(kind, _)| kind)
}

/// What `clippy.toml` has to refuse: `x` asks.
#[cfg(planted)]
mod planted {
    pub(crate) fn on_the_audio_path(lock: &std::sync::Mutex<u8>, other: &std::sync::RwLock<u8>) {
        let _ = (lock.lock(), other.read());
        let now = std::time::Instant::now();
        std::thread::sleep(std::time::Duration::from_nanos(1));
        println!("{:?}", now.elapsed());
    }
}

#[cfg(test)]
mod bench_top;
