//! Files of every usual sort, as the samples that were captured.
//!
//! Containers and most codecs are symphonia's work, Opus is libopus's. What is done here is
//! what capture asks of them: the exact length, without what an encoder put in front and
//! behind; a place in time for what is damaged; and an end with a sentence, whatever the
//! bytes are.

mod edits;
mod lenient;
#[cfg(feature = "opus")]
mod opus;

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{
    MediaSource, MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource,
};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;
use tympan_core::Format;

use crate::{BackendError, BackendErrorKind};
use edits::Edits;
use lenient::Lenient;

/// Damaged packets in a row after which a file is given up.
const PATIENCE: u32 = 200;
/// The most silence that stands in for one packet: no codec has longer ones.
const LONGEST: u64 = 1 << 16;

/// Reads a file or stream from its first frame to its last.
pub(crate) struct Decoder {
    name: String,
    format: Format,
    reader: Box<dyn FormatReader>,
    track: u32,
    base: Option<TimeBase>,
    codec: Codec,
    edits: Edits,
    promised: Option<u64>,
    /// There, the duration of a packet tells how much of it is meant.
    is_mp4: bool,
    frames: u64,
    /// Decoded, interleaved, and how much of it was read.
    pending: Vec<f32>,
    at: usize,
    ended: bool,
    failed: Option<BackendError>,
    damaged: u64,
    in_a_row: u32,
    findings: Vec<String>,
}

enum Codec {
    Symphonia(Box<dyn AudioDecoder>),
    #[cfg(feature = "opus")]
    Opus(opus::Opus),
}

/// What became of a packet.
enum Made {
    /// Samples, of this format.
    Samples(Format),
    /// It is damaged.
    Nothing,
}

impl Decoder {
    /// Opens a file, which can be searched.
    pub(crate) fn open(path: &Path) -> Result<Self, BackendError> {
        let name = path.display().to_string();
        let opened = fs::File::open(path).and_then(|mut file| {
            let edits = edits::of(&mut file).unwrap_or_default();
            file.seek(SeekFrom::Start(0))?;
            let changed = lenient::needs_it(&mut file).unwrap_or(false);
            file.seek(SeekFrom::Start(0))?;
            Ok((Lenient::new(file, changed), edits))
        });
        let (file, edits) = opened.map_err(|error| failed(&name, &error.to_string()))?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        Self::new(&name, Box::new(file), extension, edits)
    }

    /// Reads from a stream, which cannot go back.
    /// `head` are its first bytes, which `input` has too.
    pub(crate) fn stream(
        name: &str,
        head: &[u8],
        input: impl Read + Send + 'static,
    ) -> Result<Self, BackendError> {
        let changed = lenient::needs_it(&mut io::Cursor::new(head)).unwrap_or(false);
        let source = ReadOnlySource::new(Stream(Mutex::new(Box::new(input))));
        Self::new(name, Box::new(Lenient::new(source, changed)), None, Edits::default())
    }

    fn new(
        name: &str,
        source: Box<dyn MediaSource>,
        extension: Option<&str>,
        edits: Edits,
    ) -> Result<Self, BackendError> {
        let mut hint = Hint::new();
        if let Some(extension) = extension {
            hint.with_extension(extension);
        }
        let seekable = source.is_seekable();
        let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
        let probed = guarded(|| {
            let probe = symphonia::default::get_probe();
            probe.probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        });
        let reader = probed.map_err(|error| not_opened(name, &error, seekable))?;
        let (track, base, codec, promised) =
            chosen(&*reader).map_err(|why| unreadable(name, &why))?;
        let is_mp4 = reader.format_info().short_name == "isomp4";
        let mut decoder = Self {
            name: name.to_owned(),
            // Until the first packet tells.
            format: Format::mono(Format::MIN_RATE),
            reader,
            track,
            base,
            codec,
            edits,
            promised,
            is_mp4,
            frames: 0,
            pending: Vec::new(),
            at: 0,
            ended: false,
            failed: None,
            damaged: 0,
            in_a_row: 0,
            findings: Vec::new(),
        };
        decoder.begin()?;
        Ok(decoder)
    }

    /// Decodes up to the first samples: only they tell what there will be.
    fn begin(&mut self) -> Result<(), BackendError> {
        let mut first = true;
        while self.pending.is_empty() && !self.ended && self.failed.is_none() {
            self.step(&mut first);
        }
        match (&self.failed, first) {
            (Some(error), true) => Err(error.clone()),
            (None, true) => Err(unreadable(
                &self.name,
                "there is no audio in it: no packet of it can be decoded",
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn frames_promised(&self) -> Option<u64> {
        self.promised
    }

    pub(crate) fn findings(&self) -> &[String] {
        &self.findings
    }

    /// As [`WavReader::read`](crate::wav::WavReader::read).
    pub(crate) fn read(&mut self, out: &mut [f32]) -> Result<usize, BackendError> {
        let channels = usize::from(self.format.channels);
        let wanted = out.len() / channels * channels;
        let mut done = 0;
        while done < wanted {
            if self.at == self.pending.len() {
                if self.ended || self.failed.is_some() {
                    break;
                }
                self.step(&mut false);
                continue;
            }
            let some = (wanted - done).min(self.pending.len() - self.at);
            out[done..done + some].copy_from_slice(&self.pending[self.at..self.at + some]);
            (self.at, done) = (self.at + some, done + some);
        }
        self.frames += (done / channels) as u64;
        match &self.failed {
            Some(error) if done == 0 => Err(error.clone()),
            _ => Ok(done / channels),
        }
    }

    /// The next packet; `first` is whether nothing is known of the format yet.
    fn step(&mut self, first: &mut bool) {
        self.pending.clear();
        self.at = 0;
        let reader = &mut self.reader;
        match guarded(|| reader.next_packet()) {
            Ok(Some(packet)) if packet.track_id == self.track => self.take(&packet, first),
            Ok(Some(_)) => {}
            Ok(None) => self.end(),
            Err(Trouble::Told(Error::ResetRequired)) => self.change(),
            Err(Trouble::Told(Error::IoError(error)))
                if error.kind() == ErrorKind::UnexpectedEof =>
            {
                self.end();
            }
            Err(trouble) => self.fail(&trouble.to_string()),
        }
    }

    fn take(&mut self, packet: &Packet, first: &mut bool) {
        let made = self.decode(packet);
        if let Made::Samples(format) = made {
            if *first {
                if let Some(why) = unfit(format) {
                    self.failed = Some(unreadable(&self.name, &why));
                    return;
                }
                self.begin_with(format);
                *first = false;
            } else if format != self.format {
                let (from, to, at) = (self.format, format, self.seconds());
                self.pending.clear();
                self.fail(&format!(
                    "it changes from {from} to {to} after {at:.2} s, and a source has one format; \
                     cut it there"
                ));
                return;
            }
            self.in_a_row = 0;
            self.trim(packet);
            return;
        }
        self.damaged += 1;
        self.in_a_row += 1;
        if self.in_a_row > PATIENCE {
            self.fail(&format!("{PATIENCE} packets one after the other are damaged"));
        } else if !*first {
            let frames = self.ticks(packet.dur.get()).min(LONGEST) as usize;
            self.pending.resize(frames * usize::from(self.format.channels), 0.0);
            self.edit();
        }
    }

    fn begin_with(&mut self, format: Format) {
        let told = self.rate();
        self.format = format;
        self.edits.fit(format.rate);
        self.edits.skip(self.lead());
        // A codec may decode at another rate than its container tells.
        self.promised = self.promised.map(|frames| {
            let frames = u128::from(frames) * u128::from(format.rate) / u128::from(told.max(1));
            self.edits.length(frames as u64)
        });
    }

    /// Frames that Ogg leaves to the codec to leave out, and Matroska tells in milliseconds
    /// only. MP4 says it exactly.
    fn lead(&self) -> u64 {
        match &self.codec {
            #[cfg(feature = "opus")]
            Codec::Opus(opus) if !self.is_mp4 => opus.lead(),
            _ => 0,
        }
    }

    /// What the container says to leave out at both ends of this packet.
    fn trim(&mut self, packet: &Packet) {
        let channels = usize::from(self.format.channels);
        let frames = (self.pending.len() / channels) as u64;
        // What lies before zero is nobody's.
        let told = self.lead() == 0;
        let before = if told { self.ticks(packet.pts.get().min(0).unsigned_abs()) } else { 0 };
        let start = self.ticks(packet.trim_start.get()).max(before).min(frames);
        let mut end = self.ticks(packet.trim_end.get());
        let meant = self.ticks(packet.dur.get());
        if self.is_mp4 && meant > 0 && meant < frames {
            end = end.max(frames - meant);
        }
        self.pending.truncate((frames - end.min(frames - start)) as usize * channels);
        self.pending.drain(..start as usize * channels);
        self.edit();
    }

    /// What the file as a whole says to leave out.
    fn edit(&mut self) {
        let channels = usize::from(self.format.channels);
        let (skip, keep) = self.edits.pass((self.pending.len() / channels) as u64);
        self.pending.truncate((skip + keep) as usize * channels);
        self.pending.drain(..skip as usize * channels);
    }

    /// So many ticks of the track, in frames.
    fn ticks(&self, ticks: u64) -> u64 {
        let Some(base) = self.base else { return ticks };
        let rate = u128::from(self.format.rate) * u128::from(base.numer.get());
        let frames = (u128::from(ticks) * rate + u128::from(base.denom.get()) / 2)
            / u128::from(base.denom.get());
        u64::try_from(frames).unwrap_or(u64::MAX)
    }

    fn rate(&self) -> u32 {
        self.base.map_or(self.format.rate, |base| base.denom.get() / base.numer.get().max(1))
    }

    fn decode(&mut self, packet: &Packet) -> Made {
        if packet.data.is_empty() {
            return Made::Nothing;
        }
        let pending = &mut self.pending;
        match &mut self.codec {
            Codec::Symphonia(decoder) => {
                let made = guarded(|| {
                    let buffer = decoder.decode(packet)?;
                    let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
                    buffer.copy_to_vec_interleaved(pending);
                    Ok(Format::new(rate, channels as u16))
                });
                made.map_or(Made::Nothing, Made::Samples)
            }
            #[cfg(feature = "opus")]
            Codec::Opus(decoder) => match decoder.decode(&packet.data, pending) {
                Some(channels) => Made::Samples(Format::new(opus::RATE, channels)),
                None => Made::Nothing,
            },
        }
    }

    /// Another stream begins behind the one that ended.
    fn change(&mut self) {
        match chosen(&*self.reader) {
            Ok((track, base, codec, _)) => {
                (self.track, self.base, self.codec) = (track, base, codec);
                self.promised = None;
                // A length of the first is none of all.
                self.edits = Edits::default();
                self.edits.skip(self.lead());
            }
            Err(why) => self.fail(&why),
        }
    }

    fn end(&mut self) {
        self.ended = true;
        let read = self.frames + self.ready();
        if let Some(missing) = self.promised.map(|promised| promised.saturating_sub(read)) {
            // Some containers round what they promise.
            if missing > u64::from(self.format.rate) / 50 {
                self.findings.push(format!(
                    "The file promises {}, and ends after {read}: {missing} frames ({:.3} s) are missing.",
                    read + missing,
                    missing as f64 / f64::from(self.format.rate)
                ));
            }
        }
        self.tell_damage();
    }

    fn ready(&self) -> u64 {
        ((self.pending.len() - self.at) / usize::from(self.format.channels)) as u64
    }

    fn fail(&mut self, why: &str) {
        self.failed = Some(failed(
            &self.name,
            &format!("cannot be read on after {:.2} s: {why}", self.seconds()),
        ));
        self.tell_damage();
    }

    fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.format.rate)
    }

    fn tell_damage(&mut self) {
        if self.damaged > 0 {
            self.findings
                .push(format!("{} packets are damaged: silence stands in for them.", self.damaged));
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("name", &self.name)
            .field("format", &self.format)
            .field("promised", &self.promised)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

/// The track to hear, its clock, what decodes it, and how many frames it promises.
type Chosen = (u32, Option<TimeBase>, Codec, Option<u64>);

fn chosen(reader: &dyn FormatReader) -> Result<Chosen, String> {
    let tracks = reader.default_track(TrackType::Audio).into_iter().chain(reader.tracks());
    let mut why = "there is no audio in it, or none whose codec is known".to_owned();
    for track in tracks {
        let Some(CodecParameters::Audio(params)) = &track.codec_params else { continue };
        match codec(params) {
            Ok(codec) => return Ok((track.id, track.time_base, codec, promised(track))),
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

fn promised(track: &Track) -> Option<u64> {
    track.num_frames.filter(|frames| *frames > 0)
}

fn codec(params: &AudioCodecParameters) -> Result<Codec, String> {
    if params.codec == CODEC_ID_OPUS {
        #[cfg(feature = "opus")]
        return opus::Opus::new(params).map(Codec::Opus);
        #[cfg(not(feature = "opus"))]
        return Err("it is Opus, and this build is without the feature `opus`".to_owned());
    }
    let options = AudioDecoderOptions::default().gapless(false);
    let made = guarded(|| symphonia::default::get_codecs().make_audio_decoder(params, &options));
    made.map(Codec::Symphonia).map_err(|trouble| format!("its codec cannot be decoded: {trouble}"))
}

fn unfit(format: Format) -> Option<String> {
    let rates = Format::MIN_RATE..=Format::MAX_RATE;
    let channels = 1..=Format::MAX_CHANNELS;
    let fits = rates.contains(&format.rate) && channels.contains(&format.channels);
    (!fits).then(|| format!("it would be {format}, which no device delivers"))
}

/// Why something of symphonia's did not work.
enum Trouble {
    Told(Error),
    Panic,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(Error::DecodeError(what) | Error::Unsupported(what)) => f.write_str(what),
            Self::Told(error) => error.fmt(f),
            Self::Panic => f.write_str("its decoder lost its way"),
        }
    }
}

/// Files come from anywhere, and parsers have bugs: a panic in one is an error like others.
fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(Trouble::Told),
        Err(_) => Err(Trouble::Panic),
    }
}

fn not_opened(name: &str, trouble: &Trouble, seekable: bool) -> BackendError {
    match trouble {
        Trouble::Told(Error::IoError(error)) if error.kind() != ErrorKind::UnexpectedEof => {
            let way = if seekable { "" } else { "; what cannot go back is better given as a file" };
            unreadable(name, &format!("{error}{way}"))
        }
        Trouble::Told(Error::IoError(_)) => {
            unreadable(name, &format!("it ends before its audio begins{MENDED}"))
        }
        Trouble::Told(Error::DecodeError(what) | Error::Unsupported(what))
            if what.contains("missing moov") && seekable =>
        {
            unreadable(
                name,
                &format!("the index of this MP4 file, its box `moov`, is missing{MENDED}"),
            )
        }
        other if !seekable => unreadable(
            name,
            &format!("{other}; an index may stand at its end, so give it as a file"),
        ),
        other => unreadable(name, &format!("{other}{MENDED}")),
    }
}

/// What to do about a file that is not whole.
const MENDED: &str = "; if its writer was killed, `tympan recover` may make it whole";

fn unreadable(name: &str, why: &str) -> BackendError {
    BackendError::new(BackendErrorKind::Unreadable, format!("`{name}` cannot be read: {why}"))
}

fn failed(name: &str, why: &str) -> BackendError {
    BackendError::new(BackendErrorKind::Failed, format!("`{name}` {why}"))
}

/// A stream, which one thread at a time reads.
struct Stream(Mutex<Box<dyn Read + Send>>);

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).read(out)
    }
}
