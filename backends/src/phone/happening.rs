//! What can happen to a phone, and what it does to the app's session.

use tympan_core::Format;
use tympan_core::session::{Code, Event, Hint, Ms, Reason, RouteReason};

use super::{Media, Phone, Process, System};

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happening {
    /// The system takes the session away.
    InterruptionBegan {
        /// What it says why.
        reason: Reason,
    },
    /// What took it is over.
    InterruptionEnded {
        /// Whether the system advises to go on.
        hint: Hint,
    },
    /// The app goes to the back.
    Backgrounded,
    /// The app comes to the front.
    Foregrounded {
        /// Whether whoever had the session lets it go, as is usual.
        os_released: bool,
    },
    /// The process is frozen; the session becomes inactive, and notices wait.
    Suspended,
    /// The process runs again.
    Unsuspended,
    /// The process is gone, and everything that was not flushed.
    Killed,
    /// A new process.
    Relaunched,
    /// Audio takes another way.
    RouteChanged {
        /// Why.
        reason: RouteReason,
        /// The new input.
        input: Option<String>,
        /// Its rate, if that changes.
        rate: Option<u32>,
        /// Its channels, if they change.
        channels: Option<u16>,
        /// Another component changed the category, and I/O stopped.
        foreign: bool,
    },
    /// The hardware's format changes, with a notice.
    ConfigChanged {
        /// The new rate.
        rate: Option<u32>,
        /// The new channels.
        channels: Option<u16>,
        /// The engine did not stop itself.
        still_running: bool,
    },
    /// The hardware's format changes, without a word.
    FormatChanged {
        /// The new format.
        format: Format,
    },
    /// The input reads 0 Hz.
    InputUnavailable {
        /// I/O stops, too.
        stops_io: bool,
    },
    /// There is an input again.
    InputAvailable {
        /// Its format.
        format: Format,
    },
    /// The input reads 0 Hz until the engine is rebuilt.
    InputLatchedDead,
    /// The media services die.
    MediaLost,
    /// They are back; audio objects of the time before are dead.
    MediaReset,
    /// The microphone is muted by a gesture, or no longer.
    InputMuted(bool),
    /// The next activations fail.
    ActivateFails(Refusal),
    /// The next starts of I/O fail.
    IoStartFails(Refusal),
    /// Buffers cease without notice.
    IoStalls(Lasting),
    /// They come again.
    IoResumes,
    /// All samples are exactly zero; none for no longer.
    ZeroBuffers(Option<Lasting>),
    /// The next start of I/O first delivers this much old audio, in ms.
    StaleBuffers(Ms),
    /// Another component sets another category, without a word.
    ForeignCategory,
    /// The system activates the session for a call.
    CallkitActivated,
    /// The system deactivates it.
    CallkitDeactivated,
    /// The user allows the microphone, or no longer does.
    Permission(bool),
    /// The disk is full, or no longer.
    DiskFull(bool),
    /// So many writes fail.
    WriteFails(u32),
    /// The phone is locked or unlocked. While it is locked no protected file can be
    /// opened; open ones can be written.
    Locked(bool),
    /// Android gives this client zeros, or no longer.
    ClientSilenced(bool),
    /// Something that concerns no session: an alert, a peek at the notifications,
    /// another app that begins to play.
    Nothing,
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// Until it is ended by the script.
    UntilTold,
    /// Until this moment.
    UntilMs(Ms),
    /// Until the app rebuilds its engine.
    UntilRebuild,
    /// Whatever happens.
    Forever,
}

/// Calls that are going to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// With this code.
    pub code: Code,
    /// How many, or until when.
    pub until: Until,
    /// Only those of this rung of the activation ladder.
    pub rung: Option<String>,
}

/// When calls succeed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// After so many have failed.
    Times(u32),
    /// From this moment on.
    At(Ms),
}

impl Refusal {
    /// The code of a call at `now` on this rung, if it fails.
    pub(super) fn next(all: &mut Vec<Self>, now: Ms, rung: Option<&str>) -> Option<Code> {
        all.retain(|refusal| match refusal.until {
            Until::Times(times) => times > 0,
            Until::At(end) => now < end,
        });
        let concerns =
            |refusal: &&mut Self| refusal.rung.is_none() || refusal.rung.as_deref() == rung;
        let refusal = all.iter_mut().find(concerns)?;
        if let Until::Times(times) = &mut refusal.until {
            *times -= 1;
        }
        Some(refusal.code)
    }
}

impl Phone {
    /// This happens now.
    pub fn happen(&mut self, now: Ms, what: &Happening) {
        match what {
            Happening::InterruptionBegan { .. }
            | Happening::InterruptionEnded { .. }
            | Happening::CallkitActivated
            | Happening::CallkitDeactivated
            | Happening::MediaLost
            | Happening::MediaReset
            | Happening::ClientSilenced(_)
            | Happening::Permission(_) => self.session_happens(what),
            Happening::Backgrounded
            | Happening::Foregrounded { .. }
            | Happening::Suspended
            | Happening::Unsuspended
            | Happening::Killed
            | Happening::Relaunched => self.process_happens(what),
            Happening::ActivateFails(refusal) => self.faults.activate.push(refusal.clone()),
            Happening::IoStartFails(refusal) => self.faults.io.push(refusal.clone()),
            Happening::IoStalls(lasting) => self.faults.stall = Some(*lasting),
            Happening::IoResumes => self.faults.stall = None,
            Happening::ZeroBuffers(lasting) => self.faults.zeros = *lasting,
            Happening::StaleBuffers(ms) => self.faults.stale_ms = *ms,
            Happening::DiskFull(full) => self.disk.set_full(*full),
            Happening::WriteFails(times) => self.disk.fail_writes(*times),
            Happening::Locked(locked) => {
                self.disk.set_locked(*locked);
                if !locked {
                    self.post(Event::StorageAvailable);
                }
            }
            Happening::Nothing => {}
            _ => self.hardware_happens(now, what),
        }
    }

    /// To who may use the microphone.
    fn session_happens(&mut self, what: &Happening) {
        match *what {
            Happening::InterruptionBegan { reason } => {
                self.lose_session();
                self.held = true;
                self.post(Event::InterruptionBegan(reason));
            }
            Happening::InterruptionEnded { hint } => {
                self.held = false;
                self.post(Event::InterruptionEnded);
                self.post(Event::ResumeHint(hint));
            }
            Happening::CallkitActivated => {
                // A call is nothing to an app that does not take part in it.
                if self.setup.callkit {
                    (self.active, self.held) = (true, false);
                }
                self.post(Event::ExternalActivated);
            }
            Happening::CallkitDeactivated => {
                if self.setup.callkit {
                    self.lose_session();
                }
                self.post(Event::ExternalDeactivated);
            }
            Happening::MediaLost => {
                self.lose_session();
                self.media = Media::Lost;
                self.post(Event::MediaLost);
            }
            Happening::MediaReset => {
                if self.media != Media::Lost {
                    self.lose_session();
                }
                self.media = Media::Stale;
                self.post(Event::MediaReset);
            }
            Happening::ClientSilenced(silenced) => self.post(Event::ClientSilenced(silenced)),
            Happening::Permission(granted) => {
                self.permitted = granted;
                // iOS does not tell an app; it ends it, which the script has to say.
                if !granted && self.setup.system != System::Ios {
                    self.post(Event::PermissionRevoked);
                }
            }
            _ => {}
        }
    }

    /// To the process.
    fn process_happens(&mut self, what: &Happening) {
        match *what {
            Happening::Backgrounded => {
                self.background = true;
                self.post(Event::Background);
            }
            Happening::Foregrounded { os_released } => {
                self.background = false;
                self.held &= !os_released;
                self.post(Event::Foreground);
            }
            Happening::Suspended if self.is_alive() => {
                if self.setup.callkit && self.active {
                    self.post(Event::ExternalDeactivated);
                }
                self.lose_session();
                self.process = Process::Suspended;
            }
            Happening::Unsuspended if self.is_alive() => self.process = Process::Running,
            Happening::Killed => {
                self.lose_session();
                self.process = Process::Gone;
                self.inbox.clear();
            }
            Happening::Relaunched => {
                self.process = Process::Running;
                self.hardware.latched = false;
                self.faults.stall.take_if(|lasting| *lasting == Lasting::UntilRebuild);
                if self.media == Media::Stale {
                    self.media = Media::Well;
                }
            }
            _ => {}
        }
    }

    /// To the input.
    fn hardware_happens(&mut self, now: Ms, what: &Happening) {
        match what {
            Happening::RouteChanged { reason, input, rate, channels, foreign } => {
                self.reroute(*reason, input.as_deref(), *rate, *channels, *foreign);
            }
            Happening::ConfigChanged { rate, channels, still_running } => {
                self.reformat(*rate, *channels);
                if !still_running {
                    self.cut();
                }
                self.post(Event::EngineConfigChanged);
            }
            Happening::FormatChanged { format } => self.hardware.format = *format,
            Happening::InputUnavailable { stops_io } => {
                self.hardware.present = false;
                if *stops_io {
                    self.cut();
                }
            }
            Happening::InputAvailable { format } => {
                self.hardware.present = true;
                self.hardware.format = *format;
                self.post(Event::InputAvailable);
            }
            Happening::InputLatchedDead => self.hardware.latched = true,
            Happening::InputMuted(muted) => self.post(Event::InputMuted(*muted)),
            Happening::ForeignCategory => self.hardware.foreign = true,
            _ => debug_assert!(false, "at {now} ms: nobody knows {what:?}"),
        }
    }

    fn reroute(
        &mut self,
        reason: RouteReason,
        input: Option<&str>,
        rate: Option<u32>,
        channels: Option<u16>,
        foreign: bool,
    ) {
        if let Some(port) = input {
            port.clone_into(&mut self.hardware.port);
        }
        self.reformat(rate, channels);
        if reason == RouteReason::NoSuitableRoute {
            self.hardware.present = false;
            self.cut();
        } else {
            self.hardware.present |= rate.is_some() || reason.is_device();
        }
        if foreign {
            self.hardware.foreign = true;
            self.cut();
        }
        let route = self.route(reason);
        self.post(Event::RouteChanged(route));
    }

    fn reformat(&mut self, rate: Option<u32>, channels: Option<u16>) {
        let format = &mut self.hardware.format;
        format.rate = rate.unwrap_or(format.rate);
        format.channels = channels.unwrap_or(format.channels);
    }

    fn lose_session(&mut self) {
        self.active = false;
        self.cut();
    }
}
