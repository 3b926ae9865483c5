//! What happened, flat enough for C.

use std::ffi::c_float;

use tympan::{Event, Fault, Reason, What};

#[repr(C)]
pub struct CEvent {
    position: i64,
    rate: u32,
    segment: u32,
    kind: u32,
    node: u32,
    count: [u32; 2],
    value: [c_float; 2],
}

/// Of an event that is younger than this file.
const OTHER: u32 = 0;

impl CEvent {
    pub(crate) fn of(event: &Event) -> Self {
        let (kind, count, value) = flat(&event.what);
        let node = if event.node == Event::ENGINE { u32::MAX } else { event.node.into() };
        let Event { position, rate, segment, .. } = *event;
        Self { position, rate, segment, kind, node, count, value }
    }
}

fn flat(what: &What) -> (u32, [u32; 2], [f32; 2]) {
    let counts = |kind, a, b| (kind, [a, b], [0.0; 2]);
    match *what {
        What::SegmentStart => counts(1, 0, 0),
        What::SegmentEnd(reason) => counts(2, why(reason), 0),
        What::Gap { lost, filled } => counts(3, lost, filled),
        What::BadInput { not_finite, clamped } => counts(4, not_finite, clamped),
        What::UtteranceStart(which) => counts(5, which, 0),
        What::UtteranceEnd(which) => counts(6, which, 0),
        What::SpeechStart => counts(7, 0, 0),
        What::SpeechEnd => counts(8, 0, 0),
        What::Level { peak, rms, clipped, channel } => {
            (9, [channel.into(), clipped.into()], [peak, rms])
        }
        What::Fault(Fault::Panic) => counts(10, 1, 0),
        What::Fault(Fault::NotFinite) => counts(10, 2, 0),
        What::Fault(Fault::Code(code)) => counts(10, 3, code.into()),
        What::Fault(_) => counts(10, OTHER, 0),
        What::Overrun { output, frames } => counts(11, output.into(), frames),
        What::Custom { code, value } => (12, [code.into(), 0], [value, 0.0]),
        _ => counts(OTHER, 0, 0),
    }
}

fn why(reason: Reason) -> u32 {
    match reason {
        Reason::Stop => 1,
        Reason::Interruption => 2,
        Reason::Format => 3,
        Reason::Overrun => 4,
        Reason::Swap => 5,
        Reason::Discarded => 6,
        _ => OTHER,
    }
}
