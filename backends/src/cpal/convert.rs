//! Samples of any coding as the f32 that everything here is made of.

use ::cpal::{Data, SampleFormat, SizedSample};
use dasp_sample::{I24, Sample, ToSample, U24};

/// Gives `data` to `each` in pieces of whole frames, converted. Samples that make no whole
/// frame at the end are left out; a coding that nobody knows gives nothing.
///
/// # Realtime
/// Writes into `room` and nowhere else.
pub(super) fn pieces(data: &Data, channels: usize, room: &mut [f32], each: &mut dyn FnMut(&[f32])) {
    match data.sample_format() {
        SampleFormat::F32 => {
            let samples = data.as_slice::<f32>().unwrap_or_default();
            each(&samples[..samples.len() / channels * channels]);
        }
        SampleFormat::I8 => convert::<i8>(data, channels, room, each),
        SampleFormat::I16 => convert::<i16>(data, channels, room, each),
        SampleFormat::I24 => convert::<I24>(data, channels, room, each),
        SampleFormat::I32 => convert::<i32>(data, channels, room, each),
        SampleFormat::I64 => convert::<i64>(data, channels, room, each),
        SampleFormat::U8 => convert::<u8>(data, channels, room, each),
        SampleFormat::U16 => convert::<u16>(data, channels, room, each),
        SampleFormat::U24 => convert::<U24>(data, channels, room, each),
        SampleFormat::U32 => convert::<u32>(data, channels, room, each),
        SampleFormat::U64 => convert::<u64>(data, channels, room, each),
        SampleFormat::F64 => convert::<f64>(data, channels, room, each),
        _ => {}
    }
}

fn convert<T: SizedSample + Sample + ToSample<f32>>(
    data: &Data,
    channels: usize,
    room: &mut [f32],
    each: &mut dyn FnMut(&[f32]),
) {
    let samples = data.as_slice::<T>().unwrap_or_default();
    let whole = &samples[..samples.len() / channels * channels];
    let most = room.len() / channels * channels;
    for piece in whole.chunks(most.max(1)) {
        let room = &mut room[..piece.len()];
        room.iter_mut().zip(piece).for_each(|(to, from)| *to = from.to_sample());
        each(room);
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "a callback's data can be made in no other way")]
pub(crate) mod tests {
    use super::*;

    /// What a callback of cpal is called with.
    pub(crate) fn data<T: SizedSample>(samples: &mut [T]) -> Data {
        // SAFETY: the samples are of this format, so many, and outlive every use here.
        unsafe { Data::from_parts(samples.as_mut_ptr().cast(), samples.len(), T::FORMAT) }
    }

    fn heard<T: SizedSample>(samples: &mut [T], channels: usize) -> Vec<f32> {
        let (mut all, mut room) = (Vec::new(), [0.0; 5]);
        pieces(&data(samples), channels, &mut room, &mut |piece| {
            assert_eq!(piece.len() % channels, 0);
            all.extend_from_slice(piece);
        });
        all
    }

    #[test]
    fn full_scale_silence_and_half_scale_are_the_same_in_every_coding() {
        let near = |got: Vec<f32>, step: f32| {
            for (got, wanted) in got.iter().zip([-1.0, 0.0, 0.5]) {
                assert!((got - wanted).abs() <= step, "{got} for {wanted}");
            }
            assert_eq!(got.len(), 3);
        };
        near(heard(&mut [i8::MIN, 0, 64], 1), 0.0);
        near(heard(&mut [i16::MIN, 0, 1 << 14], 1), 0.0);
        near(heard(&mut [i32::MIN, 0, 1 << 30], 1), 0.0);
        near(heard(&mut [i64::MIN, 0, 1 << 62], 1), 0.0);
        let i24 = |x| I24::new(x).unwrap();
        near(heard(&mut [i24(-1 << 23), i24(0), i24(1 << 22)], 1), 0.0);
        near(heard(&mut [0u8, 128, 192], 1), 0.0);
        near(heard(&mut [0u16, 1 << 15, 3 << 14], 1), 0.0);
        near(heard(&mut [0u32, 1 << 31, 3 << 30], 1), 0.0);
        near(heard(&mut [0u64, 1 << 63, 3 << 62], 1), 0.0);
        let u24 = |x| U24::new(x).unwrap();
        near(heard(&mut [u24(0), u24(1 << 23), u24(3 << 22)], 1), 0.0);
        near(heard(&mut [-1.0f64, 0.0, 0.5], 1), 0.0);
        near(heard(&mut [-1.0f32, 0.0, 0.5], 1), 0.0);
    }

    #[test]
    fn any_size_comes_whole_and_in_order() {
        for channels in 1..=5 {
            for frames in 0..40 {
                let rest = frames % channels;
                let mut samples: Vec<i16> =
                    (0..frames * channels + rest).map(|n| n as i16 * 16).collect();
                let wanted: Vec<f32> =
                    (0..frames * channels).map(|n| n as f32 * 16.0 / 32_768.0).collect();
                assert_eq!(heard(&mut samples, channels), wanted, "{frames} of {channels}");
            }
        }
    }

    #[test]
    fn what_is_no_number_and_a_foreign_coding_do_no_harm() {
        let odd = heard(&mut [f64::NAN, f64::INFINITY, 1e300], 1);
        assert!(odd[0].is_nan() && odd[1].is_infinite() && odd[2].is_infinite());
        // SAFETY: a byte of DSD is a byte.
        let dsd = unsafe { Data::from_parts([0x69u8].as_mut_ptr().cast(), 1, SampleFormat::DsdU8) };
        pieces(&dsd, 1, &mut [0.0], &mut |_| panic!("it cannot be converted"));
    }
}
