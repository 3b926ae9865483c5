//! What turns speech into text, whoever it is: the recorder brings audio, and keeps the
//! text with the take.

/// The rate of the audio that a transcriber gets, in Hz.
pub const RATE: u32 = 16_000;

/// An engine that writes down what is said, once for each take.
///
/// It is called on a thread of its own that may block: only the text waits for it, never
/// the recording.
pub trait Transcriber: Send {
    /// The languages it knows, as BCP 47 tags. None says that it does not know which.
    fn locales(&self) -> Vec<String>;

    /// A take begins, in this language. What it cannot do it says in a sentence; the
    /// take then goes on without it.
    fn start(&mut self, locale: &str) -> Result<(), String>;

    /// More audio, mono at [`RATE`].
    fn feed(&mut self, samples: &[f32]) -> Result<(), String>;

    /// What it has understood so far, where that has changed since the last question.
    fn partial(&mut self) -> Option<String>;

    /// The take is over: all that was said in it.
    fn finish(&mut self) -> Result<String, String>;
}
