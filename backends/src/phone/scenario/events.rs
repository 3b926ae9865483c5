//! The lines of a script.

use serde_json::value::RawValue;
use tympan_core::Format;
use tympan_core::session::{Ask, Code, Hint, Ms, Reason, RouteReason, Start};

use super::fields::{Fields, Source, advice};
use super::{Happening, ScenarioError, Scripted, What};
use crate::phone::{Lasting, Refusal, Until};

type Result<T> = std::result::Result<T, ScenarioError>;
type Read = fn(&mut Fields<'_>) -> Result<What>;

/// Every word and how it is read.
const EVENTS: &[(&str, Read)] = &[
    ("start_recording", start),
    ("pause", |f| by(f, Ask::Pause)),
    ("resume", |f| by(f, Ask::Resume)),
    ("stop_recording", |f| by(f, Ask::Stop)),
    ("prewarm", |f| by(f, Ask::Prewarm)),
    ("get_status", status),
    ("interruption_began", interruption_began),
    ("interruption_ended", interruption_ended),
    ("app_backgrounded", |_| happens(Happening::Backgrounded)),
    ("app_foregrounded", |f| {
        happens(Happening::Foregrounded { os_released: f.flag_or("os_released", true)? })
    }),
    ("app_inactive", |_| happens(Happening::Nothing)),
    ("app_active", |_| happens(Happening::Nothing)),
    ("system_alert", |f| {
        f.skip(&["kind", "outcome"]);
        happens(Happening::Nothing)
    }),
    ("app_suspended", |_| happens(Happening::Suspended)),
    ("app_unsuspended", |_| happens(Happening::Unsuspended)),
    ("app_killed", |_| happens(Happening::Killed)),
    ("app_relaunched", |_| happens(Happening::Relaunched)),
    ("route_changed", route_changed),
    ("engine_config_changed", |f| {
        let (rate, channels) = change(f, "rate", "channels")?;
        let still_running = f.flag_or("still_running", false)?;
        happens(Happening::ConfigChanged { rate, channels, still_running })
    }),
    ("mic_format_changed", |f| happens(Happening::FormatChanged { format: format(f)? })),
    ("input_unavailable", |f| {
        happens(Happening::InputUnavailable { stops_io: f.flag("stops_io")? })
    }),
    ("input_available", |f| happens(Happening::InputAvailable { format: format(f)? })),
    ("input_latched_dead", |_| happens(Happening::InputLatchedDead)),
    ("media_services_lost", |_| happens(Happening::MediaLost)),
    ("media_services_reset", |_| happens(Happening::MediaReset)),
    ("secondary_audio_hint", |f| {
        f.flag("on")?;
        happens(Happening::Nothing)
    }),
    ("input_muted", |_| happens(Happening::InputMuted(true))),
    ("input_unmuted", |_| happens(Happening::InputMuted(false))),
    ("activate_fails", |f| {
        let rung = f.text_or_none("profile")?;
        happens(Happening::ActivateFails(Refusal { rung, ..refusal(f)? }))
    }),
    ("io_start_fails", |f| happens(Happening::IoStartFails(refusal(f)?))),
    ("io_stalls", |f| happens(Happening::IoStalls(lasting(f)?))),
    ("io_resumes", |_| happens(Happening::IoResumes)),
    ("zero_buffers", |f| {
        let lasting = lasting(f)?;
        happens(Happening::ZeroBuffers(f.flag("on")?.then_some(lasting)))
    }),
    ("stale_buffers", |f| happens(Happening::StaleBuffers(f.number("ms")?))),
    ("foreign_category_change", |f| {
        f.skip(&["category"]);
        happens(Happening::ForeignCategory)
    }),
    ("callkit_did_activate", |_| happens(Happening::CallkitActivated)),
    ("callkit_did_deactivate", |_| happens(Happening::CallkitDeactivated)),
    ("permission_revoked", |_| happens(Happening::Permission(false))),
    ("permission_granted", |_| happens(Happening::Permission(true))),
    ("disk_full", |_| happens(Happening::DiskFull(true))),
    ("disk_ok", |_| happens(Happening::DiskFull(false))),
    ("write_fails", |f| happens(Happening::WriteFails(f.number("times")? as u32))),
    ("device_locked", |_| happens(Happening::Locked(true))),
    ("device_unlocked", |_| happens(Happening::Locked(false))),
    ("android_client_silenced", |f| {
        f.skip(&["cause"]);
        happens(Happening::ClientSilenced(f.flag("silenced")?))
    }),
];

pub(super) fn read(lines: Vec<&RawValue>, source: Source<'_>) -> Result<Vec<Scripted>> {
    let mut events: Vec<Scripted> = Vec::with_capacity(lines.len());
    for raw in lines {
        let mut fields = source.object(raw, "an event")?;
        let name = fields.text("event")?;
        let Some((_, read)) = EVENTS.iter().find(|(word, _)| *word == name) else {
            let advice = advice(&name, EVENTS.iter().map(|(word, _)| *word));
            return Err(fields.error("event", &format!("there is no `{name}`; {advice}")));
        };
        fields.rename(&format!("`{name}`"));
        let at_ms = fields.number("at_ms")?;
        if let Some(last) = events.last().filter(|last| last.at_ms > at_ms) {
            let message = format!(
                "at {at_ms} ms, but the event before it is at {} ms; events stand in the order \
                 of time",
                last.at_ms
            );
            return Err(fields.error("at_ms", &message));
        }
        let what = read(&mut fields)?;
        fields.done()?;
        events.push(Scripted { at_ms, what });
    }
    Ok(events)
}

#[expect(clippy::unnecessary_wraps, reason = "the table wants one type")]
fn happens(happening: Happening) -> Result<What> {
    Ok(What::Happens(happening))
}

#[expect(clippy::unnecessary_wraps, reason = "the table wants one type")]
fn by(fields: &mut Fields<'_>, ask: Ask) -> Result<What> {
    // Who presses the button makes no difference.
    fields.skip(&["origin"]);
    Ok(What::Ask(ask))
}

#[expect(clippy::unnecessary_wraps, reason = "the table wants one type")]
fn status(fields: &mut Fields<'_>) -> Result<What> {
    fields.skip(&["origin"]);
    Ok(What::Status)
}

fn start(fields: &mut Fields<'_>) -> Result<What> {
    let start = Start {
        max_ms: fields.number_or_none("max_duration_ms")?,
        stt_unavailable: fields.flag_or("stt_unavailable", false)?,
        forbidden: false,
    };
    by(fields, Ask::Start(start))
}

fn interruption_began(fields: &mut Fields<'_>) -> Result<What> {
    // A recorder cannot see the cause.
    fields.skip(&["cause"]);
    let reasons = [
        ("default", Reason::Default),
        ("built_in_mic_muted", Reason::BuiltInMicMuted),
        ("route_disconnected", Reason::RouteDisconnected),
        ("app_was_suspended", Reason::AppWasSuspended),
    ];
    let reason = fields.word_or("reason", &reasons, Reason::Default)?;
    happens(Happening::InterruptionBegan { reason })
}

fn interruption_ended(fields: &mut Fields<'_>) -> Result<What> {
    let hint = match fields.flag_or_none("should_resume")? {
        Some(true) => Hint::Yes,
        Some(false) => Hint::No,
        None => Hint::Absent,
    };
    happens(Happening::InterruptionEnded { hint })
}

fn route_changed(fields: &mut Fields<'_>) -> Result<What> {
    let reasons = [
        ("unknown", RouteReason::Unknown),
        ("new_device_available", RouteReason::NewDevice),
        ("old_device_unavailable", RouteReason::OldDevice),
        ("category_change", RouteReason::Category),
        ("override", RouteReason::Override),
        ("wake_from_sleep", RouteReason::Wake),
        ("no_suitable_route", RouteReason::NoSuitableRoute),
        ("route_configuration_change", RouteReason::Configuration),
    ];
    let reason = fields.word("reason", &reasons)?;
    let (rate, channels) = change(fields, "new_rate", "new_channels")?;
    happens(Happening::RouteChanged {
        reason,
        input: fields.text_or_none("input")?,
        rate,
        channels,
        foreign: fields.flag_or("foreign", false)?,
    })
}

/// A rate and channels, both optional, that a device can have.
fn change(
    fields: &mut Fields<'_>,
    rate: &str,
    channels: &str,
) -> Result<(Option<u32>, Option<u16>)> {
    let hz = fields.number_or_none(rate)?;
    let count = fields.number_or_none(channels)?;
    let usual = Format::mono(48_000);
    let all = (hz.unwrap_or(usual.rate.into()), count.unwrap_or(usual.channels.into()));
    let known = u32::try_from(all.0).ok().zip(u16::try_from(all.1).ok());
    if !known.is_some_and(|(rate, channels)| Format::new(rate, channels).is_valid()) {
        let (hz, channels) = all;
        let message = format!("no device has {channels} channels at {hz} Hz");
        return Err(fields.error(rate, &message));
    }
    Ok((hz.map(|hz| hz as u32), count.map(|count| count as u16)))
}

pub(super) fn format(fields: &mut Fields<'_>) -> Result<Format> {
    let (rate, channels) = (fields.number("rate")?, fields.number("channels")?);
    let format = Format::new(rate as u32, channels as u16);
    if u64::from(format.rate) != rate
        || u64::from(format.channels) != channels
        || !format.is_valid()
    {
        let message = format!("no device has {channels} channels at {rate} Hz");
        return Err(fields.error("rate", &message));
    }
    Ok(format)
}

fn refusal(fields: &mut Fields<'_>) -> Result<Refusal> {
    let codes = Code::ALL.map(|code| (code.name(), code));
    let code = fields.word("code", &codes)?;
    let until: Option<Ms> = fields.number_or_none("until_ms")?;
    let times = fields.number_or_none("times")?;
    let until = match (times, until) {
        (Some(times), None) => Until::Times(times as u32),
        (None, Some(end)) => Until::At(end),
        _ => {
            return Err(fields.error("code", "it needs either `times` or `until_ms`"));
        }
    };
    Ok(Refusal { code, until, rung: None })
}

fn lasting(fields: &mut Fields<'_>) -> Result<Lasting> {
    let words = [("rebuild", Lasting::UntilRebuild), ("forever", Lasting::Forever)];
    match fields.number_or_none("until") {
        Ok(Some(end)) => Ok(Lasting::UntilMs(end)),
        _ => fields.word_or("until", &words, Lasting::UntilTold),
    }
}
