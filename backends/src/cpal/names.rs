//! Which input is meant by a word.

use super::system::Input;
use crate::{BackendError, BackendErrorKind};

/// The input that is meant: its id or its name, else the same in other letters, else the
/// first that has the word in its name or id. Microphones go before monitors.
pub(super) fn find<'a>(wanted: &str, inputs: &'a [Input]) -> Result<&'a Input, BackendError> {
    let lower = wanted.trim().to_lowercase();
    let exact = |text: &str| text == wanted;
    let alike = |text: &str| text.to_lowercase() == lower;
    let within = |text: &str| !lower.is_empty() && text.to_lowercase().contains(&lower);
    let rules: [&dyn Fn(&str) -> bool; 3] = [&exact, &alike, &within];
    let fits = |rule: &&dyn Fn(&str) -> bool| {
        let of = |monitor| {
            let mut some = inputs.iter().filter(move |input| input.monitor == monitor);
            some.find(|input| rule(&input.id) || rule(&input.name))
        };
        of(false).or_else(|| of(true))
    };
    rules.iter().find_map(fits).ok_or_else(|| unknown(wanted, inputs))
}

fn unknown(wanted: &str, inputs: &[Input]) -> BackendError {
    let names: Vec<_> = inputs.iter().map(|i| format!("`{}` ({})", i.id, i.name)).collect();
    let there = match names.len() {
        0 => "there is none at all".to_owned(),
        1 => format!("there is {}", names[0]),
        _ => format!("there are {}", names.join(", ")),
    };
    let message = format!("there is no input `{wanted}`; {there}");
    BackendError::new(BackendErrorKind::NotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PortKind;

    fn inputs() -> Vec<Input> {
        let input = |id: &str, name: &str, monitor| Input {
            id: id.into(),
            name: name.into(),
            kind: PortKind::Other,
            monitor,
        };
        vec![
            input("pulseaudio:out.monitor", "Monitor of Blue Speakers", true),
            input("pulseaudio:blue", "Blue Yeti", false),
            input("pulseaudio:BLUE", "Übermikrofon", false),
            input("alsa:hw:CARD=1,DEV=0", "USB Audio", false),
            input("alsa:plughw:CARD=1,DEV=0", "USB Audio", false),
        ]
    }

    fn found(wanted: &str) -> String {
        find(wanted, &inputs()).unwrap().id.clone()
    }

    #[test]
    fn an_exact_id_or_name_goes_first() {
        assert_eq!(found("pulseaudio:BLUE"), "pulseaudio:BLUE");
        assert_eq!(found("USB Audio"), "alsa:hw:CARD=1,DEV=0");
        assert_eq!(found("Monitor of Blue Speakers"), "pulseaudio:out.monitor");
    }

    #[test]
    fn then_other_letters_then_a_part() {
        assert_eq!(found("blue yeti"), "pulseaudio:blue");
        assert_eq!(found("ÜBERMIKROFON"), "pulseaudio:BLUE");
        assert_eq!(found("plug"), "alsa:plughw:CARD=1,DEV=0");
        assert_eq!(found(" yeti "), "pulseaudio:blue");
        // A microphone before what merely hears the loudspeaker.
        assert_eq!(found("blue"), "pulseaudio:blue");
        assert_eq!(found("monitor"), "pulseaudio:out.monitor");
    }

    #[test]
    fn an_unknown_one_is_told_what_there_is() {
        let told = |wanted: &str, inputs: &[Input]| find(wanted, inputs).unwrap_err().message;
        let message = told("webcam", &inputs());
        assert!(message.starts_with("there is no input `webcam`; there are `pulseaudio:out"));
        assert!(message.contains("`alsa:hw:CARD=1,DEV=0` (USB Audio)"), "{message}");
        assert_eq!(told("x", &[]), "there is no input `x`; there is none at all");
        assert!(told("x", &inputs()[..1]).contains("; there is `pulseaudio:out.monitor` ("));
        // A word of nothing is in every name.
        assert!(find("  ", &inputs()).is_err());
    }
}
