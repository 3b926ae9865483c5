//! A transcriber that hears what it was told to hear.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::transcriber::{RATE, Transcriber};

/// A [`Transcriber`] for rehearsals: one word of its text for each second it hears.
#[derive(Clone, Debug, Default)]
pub struct Parrot {
    words: Vec<String>,
    locales: Vec<String>,
    unavailable: Option<String>,
    fails_after: Option<u64>,
    heard: Arc<AtomicU64>,
    locale: Arc<Mutex<Option<String>>>,
    told: usize,
}

impl Parrot {
    /// One that hears this text.
    pub fn new(text: &str) -> Self {
        let words = text.split_whitespace().map(str::to_owned).collect();
        Self { words, ..Self::default() }
    }

    /// It knows these languages only.
    #[must_use]
    pub fn knows(mut self, locales: &[&str]) -> Self {
        self.locales = locales.iter().map(|&locale| locale.to_owned()).collect();
        self
    }

    /// It does not work, for this reason.
    #[must_use]
    pub fn unavailable(mut self, why: &str) -> Self {
        self.unavailable = Some(why.to_owned());
        self
    }

    /// It gives up after so many samples of a take.
    #[must_use]
    pub fn fails_after(mut self, samples: u64) -> Self {
        self.fails_after = Some(samples);
        self
    }

    /// How many samples of the last take it has heard. Clones count together.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Acquire)
    }

    /// The language of the last take.
    pub fn locale(&self) -> Option<String> {
        self.locale.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn text(&self) -> String {
        let seconds = self.heard() / u64::from(RATE);
        let words = self.words.iter().take(seconds as usize);
        words.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

impl Transcriber for Parrot {
    fn locales(&self) -> Vec<String> {
        self.locales.clone()
    }

    fn start(&mut self, locale: &str) -> Result<(), String> {
        self.heard.store(0, Ordering::Release);
        self.told = 0;
        *self.locale.lock().unwrap_or_else(PoisonError::into_inner) = Some(locale.to_owned());
        self.unavailable.clone().map_or(Ok(()), Err)
    }

    fn feed(&mut self, samples: &[f32]) -> Result<(), String> {
        let heard = self.heard.fetch_add(samples.len() as u64, Ordering::AcqRel);
        match self.fails_after {
            Some(most) if heard >= most => Err(format!("it gave up after {most} samples")),
            _ => Ok(()),
        }
    }

    fn partial(&mut self) -> Option<String> {
        let text = self.text();
        let news = text.len() > self.told;
        self.told = text.len();
        news.then_some(text)
    }

    fn finish(&mut self) -> Result<String, String> {
        Ok(self.text())
    }
}
