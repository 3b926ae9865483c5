//! The microphone of this machine, where a verb is given no file.

use tympan::Backend;

use crate::exit::{Exit, Failure};

#[derive(clap::Args)]
pub(crate) struct Which {
    /// The input to use, by its id, its name or a part of it; see `tympan devices`
    #[arg(long, value_name = "NAME", conflicts_with = "input")]
    device: Option<String>,
}

impl Which {
    /// The input that is asked for, or the one that the system chooses.
    #[cfg(feature = "cpal")]
    pub(crate) fn open(&self) -> Result<impl Backend + use<>, Failure> {
        use tympan::backend::cpal::Microphone;

        let opened = match &self.device {
            None => Microphone::system(),
            Some(name) => Microphone::only(name),
        };
        opened.map_err(|error| {
            Failure::from(error).help(
                "`tympan devices` lists the inputs, `tympan doctor` looks closer; a WAV file \
                 stands in for one with `--input FILE`, and `tympan demo` needs none",
            )
        })
    }

    #[cfg(not(feature = "cpal"))]
    pub(crate) fn open(&self) -> Result<impl Backend + use<>, Failure> {
        let _ = &self.device;
        Err::<tympan::backend::file::File, _>(absent())
    }
}

/// This program was built without microphones.
#[cfg_attr(feature = "cpal", expect(dead_code, reason = "here it was built with them"))]
pub(crate) fn absent() -> Failure {
    Failure::new(Exit::Device, "this build of tympan has no microphones")
        .help("build it with the feature `cpal`, or give a WAV file with `--input FILE`")
}
