//! What the audio of a take is kept in.

use tympan_backends::wav::SampleType;

/// What the audio of a take is kept in.
///
/// | | for | needs |
/// |---|---|---|
/// | `M4a` | everybody: AAC-LC at 64 kb/s a channel | the feature `aac`, on by default |
/// | `Opus` | speech at half the size | the feature `opus` |
/// | `M4aOpus` | Opus where only MP4 is taken | the feature `opus` |
/// | `Flac` | all of it, at half the size of WAV | the feature `flac` |
/// | `Wav`, `WavFloat` | whatever reads nothing else | |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// AAC in an `.m4a` file.
    M4a,
    /// Opus in an Ogg file.
    Opus,
    /// Opus in an MP4 file.
    M4aOpus,
    /// FLAC.
    Flac,
    /// WAV with samples of 16 bits.
    Wav,
    /// WAV with samples as the graph makes them, 32-bit float.
    WavFloat,
}

/// M4A where this build has it, else WAV.
impl Default for Container {
    fn default() -> Self {
        if cfg!(feature = "aac") { Self::M4a } else { Self::Wav }
    }
}

impl Container {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::M4a, Self::Opus, Self::M4aOpus, Self::Flac, Self::Wav, Self::WavFloat];

    /// Those that this build can write.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|container| match container {
            Self::M4a => cfg!(feature = "aac"),
            Self::Opus | Self::M4aOpus => cfg!(feature = "opus"),
            Self::Flac => cfg!(feature = "flac"),
            Self::Wav | Self::WavFloat => true,
        })
    }

    /// Its word, as in a recorder's options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::M4a => "m4a",
            Self::Opus => "opus",
            Self::M4aOpus => "m4a_opus",
            Self::Flac => "flac",
            Self::Wav => "wav",
            Self::WavFloat => "wav_float",
        }
    }

    /// The one of this word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|container| container.name() == name)
    }

    /// What the names of its files end with.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::M4a => "m4a",
            Self::Opus => "opus",
            Self::M4aOpus => "mp4",
            Self::Flac => "flac",
            Self::Wav | Self::WavFloat => "wav",
        }
    }

    /// The rate at which a file plays that was made of audio of this one.
    pub(super) const fn plays_at(self, rate: u32) -> u32 {
        match self {
            Self::Opus | Self::M4aOpus => super::opus::RATE,
            _ => rate,
        }
    }

    /// How samples are written, where nothing encodes them.
    pub(super) const fn sample_type(self) -> Option<SampleType> {
        match self {
            Self::Wav => Some(SampleType::I16),
            Self::WavFloat => Some(SampleType::F32),
            _ => None,
        }
    }
}
