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
    pub fn happen(&mut self, what: &Happening) {
        match what {
            Happening::InterruptionBegan { reason } => {
                self.lose_session();
                self.held = true;
                self.post(Event::InterruptionBegan(*reason));
            }
            Happening::InterruptionEnded { hint } => {
                self.held = false;
                self.post(Event::InterruptionEnded);
                self.post(Event::ResumeHint(*hint));
            }
            Happening::CallkitActivated => self.call(true),
            Happening::CallkitDeactivated => self.call(false),
            Happening::MediaLost => self.lose_media(),
            Happening::MediaReset => self.reset_media(),
            Happening::ClientSilenced(silenced) => self.post(Event::ClientSilenced(*silenced)),
            Happening::Permission(granted) => self.permit(*granted),

            Happening::Backgrounded => {
                self.background = true;
                self.post(Event::Background);
            }
            Happening::Foregrounded { os_released } => {
                self.background = false;
                self.held &= !os_released;
                self.post(Event::Foreground);
            }
            Happening::Suspended => self.suspend(),
            Happening::Unsuspended if self.is_alive() => self.process = Process::Running,
            Happening::Killed => self.kill(),
            Happening::Relaunched => self.relaunch(),

            Happening::RouteChanged { reason, input, rate, channels, foreign } => {
                if let Some(port) = input {
                    self.hardware.port.clone_from(port);
                }
                self.reformat(*rate, *channels);
                self.reroute(*reason, rate.is_some(), *foreign);
            }
            Happening::ConfigChanged { rate, channels, still_running } => {
                self.reformat(*rate, *channels);
                self.cut_unless(*still_running);
                self.post(Event::EngineConfigChanged);
            }
            Happening::FormatChanged { format } => self.hardware.format = *format,
            Happening::InputUnavailable { stops_io } => {
                self.hardware.present = false;
                self.cut_unless(!stops_io);
            }
            Happening::InputAvailable { format } => {
                (self.hardware.present, self.hardware.format) = (true, *format);
                self.post(Event::InputAvailable);
            }
            Happening::InputLatchedDead => self.hardware.latched = true,
            Happening::InputMuted(muted) => self.post(Event::InputMuted(*muted)),
            Happening::ForeignCategory => self.hardware.foreign = true,

            Happening::ActivateFails(refusal) => self.faults.activate.push(refusal.clone()),
            Happening::IoStartFails(refusal) => self.faults.io.push(refusal.clone()),
            Happening::IoStalls(lasting) => self.faults.stall = Some(*lasting),
            Happening::IoResumes => self.faults.stall = None,
            Happening::ZeroBuffers(lasting) => self.faults.zeros = *lasting,
            Happening::StaleBuffers(ms) => self.faults.stale_ms = *ms,

            Happening::DiskFull(full) => self.disk.set_full(*full),
            Happening::WriteFails(times) => self.disk.fail_writes(*times),
            Happening::Locked(locked) => self.lock(*locked),
            Happening::Unsuspended | Happening::Nothing => {}
        }
    }

    fn lose_session(&mut self) {
        self.active = false;
        self.cut();
    }

    fn cut_unless(&mut self, running: bool) {
        if !running {
            self.cut();
        }
    }

    /// The system (de)activates the session for a call, which is nothing to an app that
    /// takes no part in it.
    fn call(&mut self, begins: bool) {
        if self.setup.callkit && begins {
            (self.active, self.held) = (true, false);
        } else if self.setup.callkit {
            self.lose_session();
        }
        self.post(if begins { Event::ExternalActivated } else { Event::ExternalDeactivated });
    }

    fn lose_media(&mut self) {
        self.lose_session();
        self.media = Media::Lost;
        self.post(Event::MediaLost);
    }

    fn reset_media(&mut self) {
        if self.media != Media::Lost {
            self.lose_session();
        }
        self.media = Media::Stale;
        self.post(Event::MediaReset);
    }

    /// iOS does not tell an app that it may no longer listen; it ends it, which the script
    /// has to say.
    fn permit(&mut self, granted: bool) {
        self.permitted = granted;
        if !granted && self.setup.system != System::Ios {
            self.post(Event::PermissionRevoked);
        }
    }

    fn lock(&mut self, locked: bool) {
        self.disk.set_locked(locked);
        if !locked {
            self.post(Event::StorageAvailable);
        }
    }

    fn suspend(&mut self) {
        if self.setup.callkit && self.active {
            self.post(Event::ExternalDeactivated);
        }
        self.lose_session();
        if self.is_alive() {
            self.process = Process::Suspended;
        }
    }

    fn kill(&mut self) {
        self.disk.bury();
        self.lose_session();
        self.process = Process::Gone;
        self.inbox.clear();
    }

    /// A new process has new audio objects.
    fn relaunch(&mut self) {
        self.process = Process::Running;
        self.hardware.latched = false;
        self.faults.end_with_engine();
        if self.media == Media::Stale {
            self.media = Media::Well;
        }
    }

    /// `told` says that the new input's rate is known, so that there is one.
    fn reroute(&mut self, reason: RouteReason, told: bool, foreign: bool) {
        let none = reason == RouteReason::NoSuitableRoute;
        self.hardware.present = !none && (self.hardware.present || told || reason.is_device());
        self.hardware.foreign |= foreign;
        self.cut_unless(!none && !foreign);
        let route = self.route(reason);
        self.post(Event::RouteChanged(route));
    }

    fn reformat(&mut self, rate: Option<u32>, channels: Option<u16>) {
        let format = &mut self.hardware.format;
        format.rate = rate.unwrap_or(format.rate);
        format.channels = channels.unwrap_or(format.channels);
    }
}
