//! Refusals in the platform's four characters.

use tympan_core::session::Code;

/// What a status of the session or of an audio unit means.
pub(crate) fn code(status: i32) -> Code {
    match &status.to_be_bytes() {
        b"!pri" => Code::Priority,
        b"!int" => Code::CannotInterrupt,
        b"!rec" => Code::CannotRecord,
        b"!pla" => Code::CannotPlay,
        // `!hog`: another process has the device to itself.
        b"!act" | b"!hog" => Code::Busy,
        b"!cat" => Code::Category,
        b"siri" => Code::Siri,
        b"msrv" => Code::MediaServices,
        b"inac" => Code::Inactive,
        // `!dev`, `!obj`: it was unplugged meanwhile.
        b"!res" | b"!dev" | b"!obj" => Code::NoHardware,
        _ => Code::Unspecified,
    }
}
