//! A phone as a device: it moves by itself, at the pace of the clock on the wall or
//! faster.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tympan_core::Format;
use tympan_core::session::{Event, Ms, Order, Platform};

use super::{Disk, Happening, Phone, Setup, System};
use crate::device::{Device, Permission, Port, PortKind, Ports, no_input};
use crate::mock::Signal;
use crate::{Backend, BackendError, Capture};

/// A phone that lies on the table: what a recorder is given. [`Hand`] does things to it.
pub struct Handset {
    shared: Arc<Shared>,
    /// When the next tick is due.
    due: Instant,
    warnings: Vec<String>,
}

/// Does things to a [`Handset`], from any thread.
#[derive(Clone)]
pub struct Hand {
    shared: Arc<Shared>,
}

struct Shared {
    phone: Mutex<Phone>,
    /// What happens with the next tick.
    news: Mutex<VecDeque<Happening>>,
    now: AtomicU64,
    /// How long a tick takes on the wall, in microseconds.
    tick_us: AtomicU64,
    chosen: Mutex<Option<String>>,
    settings_opened: AtomicU64,
}

impl Handset {
    /// A phone in this condition, and the hand that does things to it. Its time is that
    /// of the clock on the wall, and begins now.
    pub fn new(setup: &Setup) -> (Self, Hand) {
        let shared = Arc::new(Shared {
            phone: Mutex::new(Phone::new(setup)),
            news: Mutex::default(),
            now: AtomicU64::new(0),
            tick_us: AtomicU64::new(Phone::TICK_MS * 1000),
            chosen: Mutex::new(setup.preferred_input.clone()),
            settings_opened: AtomicU64::new(0),
        });
        let warnings = setup.warning().map(str::to_owned).into_iter().collect();
        (Self { shared: shared.clone(), due: Instant::now(), warnings }, Hand { shared })
    }
}

impl Hand {
    /// This happens to the phone.
    pub fn happen(&self, what: Happening) {
        lock(&self.shared.news).push_back(what);
    }

    /// Waits until so much time has passed on the phone, which stands still when nobody
    /// uses it: then this returns after a second.
    pub fn pass(&self, time: Duration) {
        let until = self.now_ms() + time.as_millis() as Ms;
        let mut seen = (self.now_ms(), Instant::now());
        while self.now_ms() < until && seen.1.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(Duration::from_millis(1));
            if self.now_ms() != seen.0 {
                seen = (self.now_ms(), Instant::now());
            }
        }
    }

    /// Its time runs so many times as fast from here on.
    pub fn speed(&self, times: f64) {
        let tick = Phone::TICK_MS as f64 * 1000.0 / times.clamp(0.01, 1e6);
        self.shared.tick_us.store(tick as u64, Ordering::Relaxed);
    }

    /// The phone's own time.
    pub fn now_ms(&self) -> Ms {
        self.shared.now.load(Ordering::Acquire)
    }

    /// What its microphone hears from here on.
    pub fn signal(&self, signal: Signal) {
        self.shared.phone().signal(signal);
    }

    /// Its storage.
    pub fn disk(&self) -> Disk {
        self.shared.phone().disk()
    }

    /// Looks at the phone.
    pub fn look<T>(&self, at: impl FnOnce(&Phone) -> T) -> T {
        at(&self.shared.phone())
    }

    /// How often the app has led its user to the settings.
    pub fn settings_opened(&self) -> u64 {
        self.shared.settings_opened.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn phone(&self) -> MutexGuard<'_, Phone> {
        lock(&self.phone)
    }

    fn tick(&self) {
        let mut phone = self.phone();
        let now = self.now.load(Ordering::Acquire) + Phone::TICK_MS;
        for what in lock(&self.news).drain(..) {
            phone.happen(&what);
        }
        phone.hear(now);
        self.now.store(now, Ordering::Release);
    }
}

impl Platform for Handset {
    fn perform(&mut self, now: Ms, order: Order) {
        self.shared.phone().perform(now, order);
    }

    fn poll(&mut self, now: Ms) -> Option<Event> {
        self.shared.phone().poll(now)
    }
}

impl Device for Handset {
    fn name(&self) -> String {
        "simulated phone".to_owned()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn clock(&self) -> Arc<dyn Fn() -> Ms + Send + Sync> {
        let shared = self.shared.clone();
        Arc::new(move || shared.now.load(Ordering::Acquire))
    }

    fn format(&mut self) -> Format {
        self.shared.phone().format()
    }

    fn listen(&mut self, ear: Box<dyn Capture>) -> Result<(), BackendError> {
        let mut microphone = self.shared.phone().microphone();
        microphone.start(ear)
    }

    fn on_news(&mut self, _: Arc<dyn Fn() + Send + Sync>) {
        // It has news every tick, and says so itself.
    }

    fn wait(&mut self, _: Option<Ms>) {
        let tick = Duration::from_micros(self.shared.tick_us.load(Ordering::Relaxed));
        let left = self.due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            std::thread::park_timeout(left);
        }
        if Instant::now() >= self.due {
            self.shared.tick();
            // What was missed is not made up for: it is this phone's own time.
            self.due = (self.due + tick).max(Instant::now());
        }
    }

    fn keeps_wav(&self) -> bool {
        self.shared.phone().system() != System::Android
    }

    fn permission(&self) -> Permission {
        let permitted = self.shared.phone().is_permitted();
        if permitted { Permission::Granted } else { Permission::Denied }
    }

    fn open_settings(&mut self) -> bool {
        self.shared.settings_opened.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn route(&self) -> Ports {
        let phone = self.shared.phone();
        let input = port(phone.port());
        let ear = match input.kind {
            PortKind::BuiltInMic => {
                Port { id: "speaker".into(), name: "Speaker".into(), kind: PortKind::Speaker }
            }
            _ => input.clone(),
        };
        Ports { inputs: vec![input], outputs: vec![ear] }
    }

    fn inputs(&self) -> Vec<Port> {
        let used = port(self.shared.phone().port());
        let own = port("builtin_mic");
        if used == own { vec![own] } else { vec![own, used] }
    }

    fn prefer(&mut self, input: Option<&str>) -> Result<(), BackendError> {
        let inputs = self.inputs();
        if let Some(input) = input.filter(|id| !inputs.iter().any(|port| port.id == *id)) {
            return Err(no_input(input, &inputs));
        }
        *lock(&self.shared.chosen) = input.map(str::to_owned);
        self.shared.phone().prefer(input);
        Ok(())
    }
}

/// Whoever listened is told that it is over.
impl Drop for Handset {
    fn drop(&mut self) {
        let mut microphone = self.shared.phone().microphone();
        drop(microphone.stop());
    }
}

/// A port by the name it has in scripts.
fn port(id: &str) -> Port {
    let kinds = [
        ("builtin", PortKind::BuiltInMic, "iPhone Microphone"),
        ("airpods", PortKind::BluetoothHfp, "AirPods"),
        ("bluetooth", PortKind::BluetoothHfp, "Headset"),
        ("hfp", PortKind::BluetoothHfp, "Headset"),
        ("wired", PortKind::Wired, "Headset"),
        ("headset", PortKind::Wired, "Headset"),
        ("usb", PortKind::Usb, "USB"),
        ("car", PortKind::Car, "Car"),
    ];
    let known = kinds.iter().find(|(word, ..)| id.contains(word));
    let (kind, name) = known.map_or((PortKind::Other, id), |(_, kind, name)| (*kind, *name));
    Port { id: id.to_owned(), name: name.to_owned(), kind }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
