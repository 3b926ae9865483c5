//! What the audio of a take is kept in.

use std::path::Path;

use tympan_backends::BackendError;
use tympan_backends::storage::Medium;
use tympan_backends::wav::SampleType;
use tympan_core::Format;

use super::OutputFile;

/// What the audio of a take is kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// WAV with samples of 16 bits.
    #[default]
    Wav,
    /// WAV with samples as the graph makes them, 32-bit float.
    WavFloat,
}

impl Container {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Wav, Self::WavFloat];

    /// Its word, as in a recorder's options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::WavFloat => "wav_float",
        }
    }

    /// The one of this word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|container| container.name() == name)
    }

    /// The name of the audio in the folder of a take.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Wav | Self::WavFloat => "audio.wav",
        }
    }

    pub(super) const fn sample_type(self) -> SampleType {
        match self {
            Self::Wav => SampleType::I16,
            Self::WavFloat => SampleType::F32,
        }
    }

    /// Begins the audio of a take on an empty file.
    pub(super) fn begin(
        self,
        medium: Box<dyn Medium>,
        path: &Path,
        format: Format,
    ) -> Result<OutputFile, BackendError> {
        OutputFile::wav(medium, path.display().to_string(), format, self.sample_type())
    }
}
