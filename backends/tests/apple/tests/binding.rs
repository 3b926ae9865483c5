//! What scripts do not reach: every word and number that is translated, what is set, what
//! is declared, and that nothing is left behind.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tympan::Format;
use tympan::backend::ios::Ios;
use tympan::backend::phone::{Phone, Setup};
use tympan::backend::{Buffer, Capture, Device, Notice, Permission, PortKind};
use tympan::core::session::{
    Code, Event, Hint, Order, Owner, Platform, Profile, Reason, Route, RouteReason, Rung,
};
use tympan_stage::{
    Dialect, World, activated, announce, deliver, engine_stopped, enter, given_back, locking,
    plist, provider, with,
};

/// Does something with a device on a phone.
fn on<T>(
    setup: &Setup,
    profile: Profile,
    work: impl FnOnce(&mut Ios, &dyn Fn(&dyn Fn(&mut Phone))) -> T,
) -> T {
    with(|world| world.dead = false);
    let mut phone = Phone::new(setup);
    let lent: *mut Phone = &raw mut phone;
    let touch = |work: &dyn Fn(&mut Phone)| {
        // Safety: nobody looks at the phone meanwhile.
        work(unsafe { &mut *lent });
    };
    World::lend(0, &mut phone, || {
        let mut device = Ios::new(profile).unwrap();
        let done = work(&mut device, &touch);
        with(|world| world.dead = true);
        drop(device);
        done
    })
}

fn heard(device: &mut Ios) -> Vec<Event> {
    std::iter::from_fn(|| device.poll(0)).collect()
}

fn offences() -> Vec<String> {
    with(|world| std::mem::take(&mut world.offences))
}

fn log() -> Vec<String> {
    with(|world| std::mem::take(&mut world.log))
}

#[test]
fn interruptions_keep_their_reason_and_their_hint() {
    for dialect in [Dialect::Interruption, Dialect::Deactivation] {
        let _stage = enter(27, dialect);
        on(&Setup::default(), Profile::DICTATION, |device, _| {
            for reason in [
                Reason::Default,
                Reason::AppWasSuspended,
                Reason::BuiltInMicMuted,
                Reason::RouteDisconnected,
            ] {
                announce(Event::InterruptionBegan(reason));
                assert_eq!(heard(device), [Event::InterruptionBegan(reason)], "{dialect:?}");
            }
            for hint in [Hint::Yes, Hint::No, Hint::Absent] {
                announce(Event::InterruptionEnded);
                announce(Event::ResumeHint(hint));
                let both = [Event::InterruptionEnded, Event::ResumeHint(hint)];
                assert_eq!(heard(device), both, "{dialect:?}");
            }
        });
    }
}

#[test]
fn routes_keep_their_reason_and_are_read_when_they_are_heard_of() {
    let _stage = enter(27, Dialect::Interruption);
    let setup = Setup { port: "airpods".into(), format: Format::mono(24_000), ..Setup::default() };
    on(&setup, Profile::DICTATION, |device, _| {
        let reasons = [
            RouteReason::Unknown,
            RouteReason::NewDevice,
            RouteReason::OldDevice,
            RouteReason::Category,
            RouteReason::Override,
            RouteReason::Wake,
            RouteReason::NoSuitableRoute,
            RouteReason::Configuration,
        ];
        for reason in reasons {
            let route = Route {
                reason,
                format: Format::mono(24_000),
                running: false,
                preferred: true,
                speaker: false,
            };
            announce(Event::RouteChanged(route));
            assert_eq!(heard(device), [Event::RouteChanged(route)]);
        }
        device.prefer(Some("builtin_mic")).unwrap();
        announce(Event::RouteChanged(Route {
            reason: RouteReason::Unknown,
            format: Format::mono(0),
            running: true,
            preferred: true,
            speaker: true,
        }));
        let [Event::RouteChanged(route)] = heard(device)[..] else { panic!() };
        assert!(!route.preferred, "another input is in use");
    });
}

#[test]
fn everything_else_that_a_phone_says_is_heard() {
    let _stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        let all = [
            Event::MediaLost,
            Event::MediaReset,
            Event::InputAvailable,
            Event::Foreground,
            Event::Background,
            Event::InputMuted(true),
            Event::InputMuted(false),
            Event::StorageAvailable,
        ];
        for event in all {
            announce(event);
            assert_eq!(heard(device), [event]);
        }
        engine_stopped();
        assert_eq!(heard(device), [Event::EngineConfigChanged]);
        activated();
        assert_eq!(heard(device), [Event::ExternalActivated]);
        given_back();
        assert_eq!(heard(device), [Event::ExternalDeactivated]);
    });
}

#[test]
fn a_locked_phone_is_known() {
    let _stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        assert!(device.protected_data_available());
        locking();
        assert!(!device.protected_data_available());
        assert_eq!(heard(device), [], "it is no event");
        announce(Event::StorageAvailable);
        assert!(device.protected_data_available());
    });
}

#[test]
fn whoever_waits_is_called_and_nobody_is_when_the_device_is_gone() {
    let _stage = enter(27, Dialect::Interruption);
    let calls = Arc::new(AtomicUsize::new(0));
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        let counted = calls.clone();
        device.on_news(Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        announce(Event::Foreground);
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    });
    let outlived = Arc::strong_count(&calls);
    assert_eq!(outlived, 1, "observers hold on to it");
    announce(Event::Foreground);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_profile_is_set_in_the_systems_numbers() {
    let _stage = enter(27, Dialect::Interruption);
    let all = Profile {
        category: "playAndRecord",
        mode: "measurement",
        options: &[
            "mixWithOthers",
            "duckOthers",
            "allowBluetoothHFP",
            "allowBluetoothA2DP",
            "allowAirPlay",
            "defaultToSpeaker",
            "overrideMutedMicrophoneInterruption",
            "bluetoothHighQualityRecording",
            "interruptOnRouteDisconnect",
            "allowHapticsAndSystemSounds",
        ],
        ..Profile::DICTATION
    };
    on(&Setup::default(), all, |device, _| {
        device.perform(0, Order::Configure { rung: 0 });
        let expected = [
            "category value of AVAudioSessionCategoryPlayAndRecord \
             value of AVAudioSessionModeMeasurement 0x800ef",
            "rate 48000",
            "buffer 0.01",
            "haptics true",
            "interrupt on disconnect true",
        ];
        assert_eq!(log(), expected);
    });
    on(&Setup::default(), Profile::VOICE_AGENT, |device, _| {
        device.perform(0, Order::Configure { rung: 0 });
        let expected = [
            "category value of AVAudioSessionCategoryPlayAndRecord \
             value of AVAudioSessionModeVoiceChat 0x26",
            "rate 24000",
            "buffer 0.01",
            "haptics false",
            "interrupt on disconnect false",
        ];
        assert_eq!(log(), expected);
    });
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        for (rung, bits) in ["0x4", "0x5"].into_iter().enumerate() {
            device.perform(0, Order::Configure { rung: rung as u8 });
            let set = log().remove(0);
            assert!(set.ends_with(bits), "rung {rung}: {set}");
        }
    });
}

#[test]
fn every_word_of_every_profile_is_known_and_no_other() {
    let _stage = enter(27, Dialect::Interruption);
    for profile in Profile::ALL {
        on(&Setup::default(), profile, |device, _| {
            device.perform(0, Order::Configure { rung: 0 });
            device.perform(0, Order::Activate { ticket: 1, rung: 0 });
            assert_eq!(heard(device), [Event::Activated { ticket: 1 }], "{}", profile.name);
        });
    }
    let typo = Profile { options: &["allowBlutoothHFP"], ..Profile::DICTATION };
    let error = Ios::new(typo).err().unwrap().to_string();
    assert!(
        error.contains("allowBlutoothHFP") && error.contains("`allowBluetoothHFP`?"),
        "{error}"
    );
    let rungs = &[Rung { name: "odd", options: &["mixwithothers"] }];
    let error = Ios::new(Profile { ladder: rungs, ..Profile::DICTATION }).err().unwrap();
    assert!(error.to_string().contains("`mixWithOthers`?"), "{error}");
    let error = Ios::new(Profile { category: "playback", ..Profile::DICTATION }).err().unwrap();
    assert!(error.to_string().contains("category `playback`"), "{error}");
    let error = Ios::new(Profile { mode: "moviePlayback", ..Profile::DICTATION }).err().unwrap();
    assert!(error.to_string().contains("mode `moviePlayback`"), "{error}");
}

#[test]
fn refusals_keep_their_four_characters() {
    use tympan::backend::phone::{Happening, Refusal, Until};
    let _stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::DICTATION, |device, touch| {
        for code in Code::ALL.into_iter().filter(|code| *code != Code::ForegroundService) {
            let refusal = Refusal { code, until: Until::Times(1), rung: None };
            touch(&|phone| phone.happen(&Happening::ActivateFails(refusal.clone())));
            device.perform(0, Order::Activate { ticket: 7, rung: 0 });
            assert_eq!(heard(device), [Event::ActivateFailed { ticket: 7, code }]);
        }
    });
    offences();
}

#[test]
fn nothing_is_activated_in_a_category_that_was_refused() {
    let _stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        with(|world| world.refuses = Some(i32::from_be_bytes(*b"!pri")));
        device.perform(0, Order::Configure { rung: 0 });
        device.perform(0, Order::Activate { ticket: 1, rung: 0 });
        let refused = Event::ActivateFailed { ticket: 1, code: Code::Priority };
        assert_eq!(heard(device), [refused]);
        assert_eq!(log(), [""; 0], "the session was left alone");
        // The next try is a new one.
        device.perform(0, Order::Configure { rung: 0 });
        device.perform(0, Order::Activate { ticket: 2, rung: 0 });
        assert_eq!(heard(device), [Event::Activated { ticket: 2 }]);
    });
}

#[test]
fn a_unit_of_another_format_is_another_unit() {
    use tympan::backend::phone::Happening;
    let _stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::DICTATION, |device, touch| {
        let heard_audio = ear(device);
        start(device, Format::mono(48_000));
        device.perform(0, Order::StopIo);
        let narrow = Format::mono(16_000);
        touch(&|phone| phone.happen(&Happening::FormatChanged { format: narrow }));
        start(device, narrow);
        deliver(&[0.5; 160], 160, 0);
        let said = &heard_audio.lock().unwrap().said;
        assert_eq!(said[..], ["Break".to_owned(), format!("160 of {narrow} at 0")]);
        touch(&|phone| assert_eq!(phone.offences(), [""; 0]));
    });
    offences();
}

#[test]
fn a_host_keeps_its_session_to_itself() {
    let _stage = enter(27, Dialect::Interruption);
    let guest = Profile { owner: Owner::Host, ..Profile::DICTATION };
    let setup = Setup { preferred_input: Some("usb".into()), ..Setup::default() };
    with(|world| world.others.push("usb".into()));
    on(&setup, guest, |device, _| {
        device.prefer(Some("usb")).unwrap();
        for order in [
            Order::Configure { rung: 0 },
            Order::PreferNoInterruptions,
            Order::PreferInput,
            Order::Deactivate,
        ] {
            device.perform(0, order);
        }
        device.prefer(None).unwrap();
        device.perform(0, Order::Activate { ticket: 1, rung: 0 });
        let refused = Event::ActivateFailed { ticket: 1, code: Code::Priority };
        assert_eq!(heard(device), [refused]);
        assert_eq!(log(), [""; 0], "nothing was set");
        device.calls().activated();
        assert_eq!(heard(device), [Event::ExternalActivated]);
        announce(Event::InterruptionBegan(Reason::Default));
        assert_eq!(heard(device).len(), 1, "and everything is heard");
    });
}

#[test]
fn calls_reach_the_device_through_a_delegate() {
    let _stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::CALLKIT, |device, _| {
        // Safety: it is one.
        let kept = unsafe { device.calls().answer(provider()) };
        announce(Event::ExternalActivated);
        announce(Event::ExternalDeactivated);
        assert_eq!(heard(device), [Event::ExternalActivated, Event::ExternalDeactivated]);
        drop(kept);
    });
}

#[test]
fn what_an_app_must_declare_is_named() {
    let _stage = enter(27, Dialect::Interruption);
    let fresh = || Ios::new(Profile::DICTATION);
    assert_eq!(fresh().unwrap().warnings(), [""; 0]);
    plist(&[("NSMicrophoneUsageDescription", &["to record"])]);
    let [warning] =
        fresh().unwrap().warnings().to_vec().try_into().unwrap_or([""; 1].map(Into::into));
    assert!(warning.contains("`UIBackgroundModes`") && warning.contains("`audio`"), "{warning}");
    plist(&[
        ("NSMicrophoneUsageDescription", &["to record"]),
        ("UIBackgroundModes", &["fetch", "voip"]),
    ]);
    assert_eq!(fresh().unwrap().warnings().len(), 1);
    plist(&[
        ("NSMicrophoneUsageDescription", &["to record"]),
        ("UIBackgroundModes", &["fetch", "audio"]),
    ]);
    assert_eq!(fresh().unwrap().warnings().len(), 0);
    for lacking in [&[][..], &[("NSMicrophoneUsageDescription", &[""][..])]] {
        plist(lacking);
        let error = fresh().err().unwrap().to_string();
        assert!(error.contains("`NSMicrophoneUsageDescription`"), "{error}");
    }
}

#[test]
fn the_simulator_is_told() {
    let _stage = enter(27, Dialect::Interruption);
    // Safety: whoever else reads the environment is on this stage, and waits.
    unsafe { std::env::set_var("SIMULATOR_UDID", "x") };
    let warnings = Ios::new(Profile::DICTATION).unwrap().warnings().to_vec();
    unsafe { std::env::remove_var("SIMULATOR_UDID") };
    assert!(warnings[0].contains("simulator"), "{warnings:?}");
}

#[test]
fn settings_language_and_permission() {
    let _stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::DICTATION, |device, touch| {
        assert!(device.open_settings());
        assert_eq!(with(|world| world.opened.len()), 1);
        assert!(!device.language().is_empty());
        assert_eq!(device.permission(), Permission::Granted);
        device.perform(0, Order::RequestPermission);
        assert_eq!(heard(device), [Event::Permission(true)]);
        let deny = tympan::backend::phone::Happening::Permission(false);
        touch(&|phone| phone.happen(&deny));
        assert_eq!(device.permission(), Permission::Denied);
        device.perform(0, Order::RequestPermission);
        assert_eq!(heard(device), [Event::Permission(false)]);
    });
}

#[test]
fn ports_are_told_apart_and_chosen_by_their_id() {
    let _stage = enter(27, Dialect::Interruption);
    with(|world| world.others.extend(["usb".to_owned(), "wired".to_owned()]));
    let setup = Setup { port: "airpods".into(), ..Setup::default() };
    on(&setup, Profile::DICTATION, |device, _| {
        let kinds: Vec<_> = device.inputs().iter().map(|port| port.kind).collect();
        let expected =
            [PortKind::BuiltInMic, PortKind::BluetoothHfp, PortKind::Usb, PortKind::Wired];
        assert_eq!(kinds, expected);
        let route = device.route();
        assert_eq!(route.inputs[0].id, "airpods");
        assert_eq!(route.inputs[0].name, "name of airpods");
        assert_eq!(route.outputs[0].kind, PortKind::BluetoothHfp);
        let error = device.prefer(Some("aipods")).unwrap_err().to_string();
        assert!(error.contains("`aipods`") && error.contains("`airpods`"), "{error}");
        device.prefer(Some("usb")).unwrap();
        device.perform(0, Order::PreferInput);
        assert_eq!(log(), ["preferred input Some(\"usb\")"]);
        device.prefer(None).unwrap();
        assert_eq!(log(), ["preferred input None"], "the choice is the system's again");
        device.perform(0, Order::PreferInput);
        assert_eq!(log(), [""; 0]);
    });
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        assert_eq!(device.route().outputs[0].kind, PortKind::Speaker);
    });
}

/// What was heard: samples, and the rest in words.
#[derive(Default)]
struct Heard {
    samples: Vec<f32>,
    said: Vec<String>,
}

struct Ear(Arc<Mutex<Heard>>);

impl Capture for Ear {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.samples.extend(buffer.samples);
        let (frames, ns) =
            (buffer.samples.len() / usize::from(buffer.format.channels), buffer.host_ns);
        heard.said.push(format!("{frames} of {} at {ns}", buffer.format));
    }

    fn notice(&mut self, notice: Notice) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).said.push(format!("{notice:?}"));
    }
}

fn ear(device: &mut Ios) -> Arc<Mutex<Heard>> {
    let heard = Arc::<Mutex<Heard>>::default();
    device.listen(Box::new(Ear(heard.clone()))).unwrap();
    assert!(device.listen(Box::new(Ear(heard.clone()))).is_err(), "one listener");
    heard
}

fn start(device: &mut Ios, format: Format) {
    device.perform(0, Order::Configure { rung: 0 });
    device.perform(0, Order::Activate { ticket: 1, rung: 0 });
    device.perform(0, Order::StartIo { ticket: 2, format });
    let events = heard(device);
    assert_eq!(events, [Event::Activated { ticket: 1 }, Event::IoStarted { ticket: 2 }]);
}

#[test]
fn callbacks_of_any_size_come_whole_with_their_time() {
    let _stage = enter(27, Dialect::Interruption);
    let format = Format::new(48_000, 2);
    let setup = Setup { format, ..Setup::default() };
    on(&setup, Profile::DICTATION, |device, _| {
        let heard_audio = ear(device);
        start(device, format);
        let sound: Vec<f32> = (0..2 * 4096).map(|n| n as f32).collect();
        // Smaller, then larger, then larger still, up to what a phone has in its pocket.
        for (frames, ms) in [(480, 5), (7, 15), (4096, 16), (1, 101)] {
            deliver(&sound[..frames * 2], frames, ms * 1_000_000);
        }
        let heard_audio = heard_audio.lock().unwrap();
        assert_eq!(heard_audio.samples.len(), 2 * (480 + 7 + 4096 + 1));
        assert_eq!(&heard_audio.samples[960..974], &sound[..14]);
        assert_eq!(heard_audio.said[2], format!("4096 of {format} at 16000000"));
    });
    assert_eq!(offences(), [""; 0]);
}

#[test]
fn a_callback_that_cannot_be_rendered_is_counted_as_lost() {
    let _stage = enter(27, Dialect::Interruption);
    let format = Format::mono(48_000);
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        let heard_audio = ear(device);
        start(device, format);
        deliver(&[0.5; 480], 480, 1_000_000);
        with(|world| world.units[0].fails = true);
        deliver(&[0.5; 480], 480, 2_000_000);
        // More than it had promised.
        deliver(&[0.5; 5000], 5000, 3_000_000);
        deliver(&[0.5; 480], 480, 4_000_000);
        device.perform(0, Order::StopIo);
        let said = &heard_audio.lock().unwrap().said;
        let rest: Vec<_> = said.iter().map(|said| said.split(" of").next().unwrap()).collect();
        assert_eq!(rest, ["480", "Lost(480)", "Lost(5000)", "480", "Break"], "{said:?}");
    });
    offences();
}

#[test]
fn nothing_is_delivered_after_a_stop() {
    let _stage = enter(27, Dialect::Interruption);
    let format = Format::mono(48_000);
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        let heard_audio = ear(device);
        start(device, format);
        deliver(&[0.5; 480], 480, 0);
        // A last callback is under way while it is stopped: the system is late.
        device.perform(0, Order::StopIo);
        with(|world| world.units[0].late = true);
        deliver(&[0.5; 480], 480, 0);
        let heard_audio = heard_audio.lock().unwrap();
        assert_eq!(heard_audio.samples.len(), 480);
        assert_eq!(heard_audio.said.len(), 2, "{:?}", heard_audio.said);
        assert_eq!(heard_audio.said[1], "Break");
    });
    offences();
}

#[test]
fn voice_processing_has_a_unit_of_its_own_or_the_systems_input() {
    let format = Format::mono(48_000);
    let stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::VOICE_AGENT, |device, _| {
        start(device, format);
        deliver(&[0.5; 480], 480, 0);
        assert!(with(|world| world.units[0].voice));
    });
    // Stereo hardware is one voice to it.
    let stereo = Setup { format: Format::new(48_000, 2), ..Setup::default() };
    on(&stereo, Profile::VOICE_AGENT, |device, _| {
        device.perform(0, Order::QueryFormat { ticket: 1 });
        assert_eq!(heard(device), [Event::HardwareFormat { ticket: 1, format }]);
        start(device, format);
    });
    with(|world| world.echo_cancelled = true);
    on(&Setup::default(), Profile::VOICE_AGENT, |device, _| {
        start(device, format);
        assert!(!with(|world| world.units[0].voice), "the system cancels the echo itself");
    });
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        start(device, format);
        assert!(!with(|world| world.preferred_echo), "and is not asked to where nobody wants it");
    });
    assert_eq!(offences(), [""; 0]);
    drop(stage);
}

#[test]
fn the_clock_counts_sleep_and_so_do_stamps() {
    let _stage = enter(27, Dialect::Interruption);
    let format = Format::mono(48_000);
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        let heard_audio = ear(device);
        with(|world| world.now = 90_000);
        // It has slept for a minute of the hour and a half.
        with(|world| world.slept = 60_000 * 24_000);
        heard(device);
        assert_eq!(device.clock()(), 90_000);
        start(device, format);
        deliver(&[0.5; 480], 480, 90_000_000_000);
        let Some(Event::Heartbeat(beat)) = device.poll(0) else { panic!() };
        assert_eq!((beat.host, beat.frames, beat.silent), (90_000, 480, false));
        assert!(heard_audio.lock().unwrap().said[0].ends_with("at 90000000000"));
    });
    offences();
}

#[test]
fn a_change_of_the_hardware_is_told_once() {
    let _stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        start(device, Format::mono(48_000));
        announce(Event::EngineConfigChanged);
        assert_eq!(heard(device), [Event::EngineConfigChanged]);
    });
    offences();
}

#[test]
fn threads_join_the_devices_group_and_leave_it() {
    let _stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        assert!(device.workgroup().is_none(), "nothing runs");
        start(device, Format::mono(48_000));
        let group = device.workgroup().unwrap();
        assert!(device.workgroup().is_none(), "once for each start");
        let member = group.join().unwrap();
        assert_eq!(with(|world| world.group.1), 1);
        let error = group.join().err().unwrap().to_string();
        assert!(error.contains("37"), "{error}");
        drop((group, member));
        assert_eq!(with(|world| world.group), (0, 0), "and nothing is kept");
    });
}

#[test]
fn exact_zeros_are_told_from_quiet() {
    let _stage = enter(27, Dialect::Interruption);
    on(&Setup::default(), Profile::DICTATION, |device, _| {
        ear(device);
        start(device, Format::mono(48_000));
        let mut quiet = [0.0; 480];
        quiet[479] = 1e-9;
        for (samples, silent) in [([0.0; 480], true), (quiet, false)] {
            deliver(&samples, 480, 0);
            let Some(Event::Heartbeat(beat)) = device.poll(0) else { panic!() };
            assert_eq!(beat.silent, silent);
        }
    });
    offences();
}

#[test]
fn a_device_of_long_ago_leaves_nothing_behind() {
    let _stage = enter(27, Dialect::Interruption);
    for _ in 0..3 {
        on(&Setup::default(), Profile::DICTATION, |device, _| {
            ear(device);
            start(device, Format::mono(48_000));
        });
        assert_eq!(with(|world| world.units.len()), 0);
    }
    assert_eq!(offences(), [""; 0]);
}
