//! Rings whose memory is there before anything goes through them, and taking things out of
//! one so that nothing of them stays in it: what was captured before a break must not be
//! found after it.

use std::mem::MaybeUninit;

use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

/// A ring of so many places, as two ends. Each place was written once: memory that was never
/// touched is given by the system when it is, and on the audio path that would be a wait.
pub(crate) fn ring<T: Copy>(places: usize, blank: T) -> (HeapProd<T>, HeapCons<T>) {
    let (mut put, get) = HeapRb::new(places).split();
    // In one piece, as long as nothing went through.
    let (all, rest) = put.vacant_slices_mut();
    debug_assert!(all.len() == places && rest.is_empty());
    all.fill(MaybeUninit::new(blank));
    (put, get)
}

/// Fills `to` with the next elements, of which there are enough.
pub(crate) fn take<T: Copy + Default>(ring: &mut HeapCons<T>, to: &mut [T]) {
    let (first, second) = ring.as_mut_slices();
    let (head, tail) = to.split_at_mut(first.len().min(to.len()));
    move_out(first, head);
    move_out(second, tail);
    ring.skip(to.len());
}

/// Drops the next elements, of which there are enough.
pub(crate) fn wipe<T: Copy + Default>(ring: &mut HeapCons<T>, count: usize) {
    let (first, second) = ring.as_mut_slices();
    first.iter_mut().chain(second).take(count).for_each(|x| *x = T::default());
    ring.skip(count);
}

fn move_out<T: Copy + Default>(from: &mut [T], to: &mut [T]) {
    for (from, to) in from.iter_mut().zip(to) {
        *to = std::mem::take(from);
    }
}

#[cfg(test)]
mod tests {
    use ringbuf::HeapRb;
    use ringbuf::traits::{Producer, Split};

    use super::*;

    #[test]
    fn what_was_taken_is_gone_from_memory_also_over_the_seam() {
        let (mut put, mut get) = HeapRb::<u8>::new(5).split();
        for round in 0..7 {
            assert_eq!(put.push_slice(&[1, 2, 3, 4]), 4);
            let mut two = [0; 2];
            take(&mut get, &mut two);
            assert_eq!(two, [1, 2], "round {round}");
            wipe(&mut get, 2);
            // The empty places, as the producer sees them.
            let (a, b) = put.vacant_slices();
            assert_eq!(a.len() + b.len(), 5);
        }
        // A second look at the same memory: write nothing, commit, read.
        assert_eq!(put.push_iter([0; 0].into_iter()), 0);
    }
}
