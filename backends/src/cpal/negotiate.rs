//! Of what an input can do, what we want of it.
//!
//! What it runs at by itself is best: nobody converts, and a system that does has hidden
//! troubles. Only if that cannot be used, the nearest to what speech needs is chosen.

use ::cpal::SampleFormat;
use tympan_core::Format;

use super::system::{Offer, Span, Spec};

/// How to open an input of this offer; none if it has nothing that we take.
pub(super) fn negotiate(offer: &Offer) -> Option<Spec> {
    let usual = offer.usual.iter().filter(|span| is_usable(span)).map(|span| (span, span.rates.0));
    let others = offer.spans.iter().filter(|span| is_usable(span));
    let others = others.map(|span| (span, nearest_rate(span)));
    let (span, rate) = usual.chain(others.min_by_key(|(span, rate)| cost(span, *rate))).next()?;
    let wanted = rate / 1000 * offer.callback_ms.max(1);
    let frames =
        span.frames.map(|(least, most)| wanted.clamp(least.max(1), most.max(least).max(1)));
    Some(Spec { format: Format::new(rate, span.channels), coding: span.coding, frames })
}

/// Rates in the order in which they are wanted.
const RATES: [u32; 8] = [48_000, 44_100, 96_000, 88_200, 32_000, 24_000, 16_000, 192_000];

/// What is more costly than another choice: the wrong channels, then the wrong rate, then
/// samples with less in them.
fn cost(span: &Span, rate: u32) -> (u16, usize, u32, usize) {
    let channels = match span.channels {
        1 | 2 => 0,
        more => more,
    };
    let place = RATES.iter().position(|known| *known == rate).unwrap_or(RATES.len());
    (channels, place, rate.abs_diff(RATES[0]), coding_place(span.coding))
}

fn nearest_rate(span: &Span) -> u32 {
    let (least, most) = span.rates;
    let known = RATES.into_iter().find(|rate| (least..=most).contains(rate));
    known.unwrap_or_else(|| RATES[0].clamp(least, most.max(least)))
}

/// Codings in the order in which they are wanted. One that cannot be converted is in none.
const CODINGS: [SampleFormat; 12] = [
    SampleFormat::F32,
    SampleFormat::I32,
    SampleFormat::I24,
    SampleFormat::I16,
    SampleFormat::F64,
    SampleFormat::I64,
    SampleFormat::U32,
    SampleFormat::U24,
    SampleFormat::U16,
    SampleFormat::U64,
    SampleFormat::I8,
    SampleFormat::U8,
];

fn coding_place(coding: SampleFormat) -> usize {
    CODINGS.iter().position(|known| *known == coding).unwrap_or(CODINGS.len())
}

fn is_usable(span: &Span) -> bool {
    let format = Format::new(nearest_rate(span), span.channels);
    format.is_valid() && coding_place(span.coding) < CODINGS.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(rates: (u32, u32), channels: u16, coding: SampleFormat) -> Span {
        Span { rates, channels, coding, frames: None }
    }

    fn offer(usual: Option<Span>, spans: &[Span]) -> Offer {
        Offer { usual, spans: spans.to_vec(), callback_ms: 10 }
    }

    #[test]
    fn what_it_runs_at_by_itself_is_taken_even_if_it_is_odd() {
        let own = span((22_050, 22_050), 4, SampleFormat::U16);
        let all = [span((8_000, 192_000), 2, SampleFormat::F32)];
        let spec = negotiate(&offer(Some(own), &all)).unwrap();
        assert_eq!((spec.format, spec.coding), (Format::new(22_050, 4), SampleFormat::U16));
    }

    #[test]
    fn dsd_and_nonsense_are_passed_over() {
        let dsd = span((2_822_400, 2_822_400), 2, SampleFormat::DsdU32);
        let none = span((0, 0), 0, SampleFormat::F32);
        let wide = span((44_100, 44_100), 65, SampleFormat::F32);
        let good = span((8_000, 8_000), 1, SampleFormat::U8);
        let spec = negotiate(&offer(Some(dsd), &[none, wide, dsd, good])).unwrap();
        assert_eq!((spec.format, spec.coding), (Format::mono(8_000), SampleFormat::U8));
        assert_eq!(negotiate(&offer(Some(dsd), &[none, wide])), None);
        assert_eq!(negotiate(&offer(None, &[])), None);
    }

    #[test]
    fn of_many_the_usual_rate_and_the_richest_samples_win() {
        let all = [
            span((8_000, 16_000), 1, SampleFormat::F32),
            span((8_000, 96_000), 8, SampleFormat::F32),
            span((8_000, 96_000), 2, SampleFormat::I16),
            span((8_000, 96_000), 2, SampleFormat::I32),
        ];
        let spec = negotiate(&offer(None, &all)).unwrap();
        assert_eq!((spec.format, spec.coding), (Format::stereo(48_000), SampleFormat::I32));
    }

    #[test]
    fn a_rate_between_the_known_ones_is_the_nearest_there_is() {
        for (rates, rate) in [((11_000, 12_000), 12_000), ((50_000, 60_000), 50_000)] {
            let spec = negotiate(&offer(None, &[span(rates, 1, SampleFormat::F32)])).unwrap();
            assert_eq!(spec.format.rate, rate);
        }
    }

    #[test]
    fn a_callback_is_as_short_as_the_input_can() {
        let with = |frames| Span { frames, ..span((48_000, 48_000), 1, SampleFormat::F32) };
        let frames = |range| negotiate(&offer(Some(with(range)), &[])).unwrap().frames;
        assert_eq!(frames(Some((1, 100_000))), Some(480));
        assert_eq!(frames(Some((1024, 4096))), Some(1024));
        assert_eq!(frames(Some((1, 64))), Some(64));
        assert_eq!(frames(Some((0, 0))), Some(1));
        assert_eq!(frames(None), None);
    }
}
