//! Stretches of time, and how well two lists of them agree.

/// From when to when, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Span {
    pub(crate) fn overlap(self, other: Self) -> f64 {
        (self.to.min(other.to) - self.from.max(other.from)).max(0.0)
    }

    pub(crate) fn length(self) -> f64 {
        self.to - self.from
    }
}

/// Reads labels: a line each with start, end and a word.
pub(crate) fn labels(text: &str) -> Result<Vec<Span>, String> {
    let line = |line: &str| {
        let mut fields = line.split_whitespace().map(str::parse);
        match (fields.next(), fields.next()) {
            (Some(Ok(from)), Some(Ok(to))) => Ok(Span { from, to }),
            _ => Err(format!("`{line}` is no label: a start and an end in seconds")),
        }
    };
    text.lines().filter(|l| !l.trim().is_empty()).map(line).collect()
}

/// Frames of 10 ms are what is compared.
fn frames(spans: &[Span], count: usize) -> Vec<bool> {
    let mut on = vec![false; count];
    for span in spans {
        // Cut off, not rounded, on both sides.
        let [from, to] = [span.from, span.to].map(|s| (s.max(0.0) * 100.0) as usize);
        on[from.min(count)..to.clamp(from.min(count), count)].fill(true);
    }
    on
}

/// The F1 of what was found in `seconds` against the truth: twice what is right over
/// that and everything that is wrong, frame by frame.
pub(crate) fn f1(found: &[Span], truth: &[Span], seconds: f64) -> f64 {
    let count = (seconds * 100.0) as usize;
    let (found, truth) = (frames(found, count), frames(truth, count));
    let both = found.iter().zip(&truth).filter(|(a, b)| **a && **b).count();
    let apart = found.iter().zip(&truth).filter(|(a, b)| a != b).count();
    (2 * both) as f64 / (2 * both + apart).max(1) as f64
}

/// How many of `truth` nothing of what was found touches.
pub(crate) fn missed(found: &[Span], truth: &[Span]) -> usize {
    truth.iter().filter(|t| found.iter().all(|f| f.overlap(**t) <= 0.0)).count()
}

/// How many seconds of `truth` are in nothing that was found. Neither list overlaps
/// itself.
pub(crate) fn lost(found: &[Span], truth: &[Span]) -> f64 {
    let covered = |t: &Span| found.iter().map(|f| f.overlap(*t)).sum::<f64>();
    truth.iter().map(|t| t.length() - covered(t)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(of: &[(f64, f64)]) -> Vec<Span> {
        of.iter().map(|(from, to)| Span { from: *from, to: *to }).collect()
    }

    #[test]
    fn frames_that_agree_count_twice_and_those_that_do_not_once() {
        let truth = spans(&[(0.5, 1.0), (2.0, 2.5)]);
        assert_eq!(f1(&truth, &truth, 3.0), 1.0);
        assert_eq!(f1(&[], &truth, 3.0), 0.0);
        // 50 of 100 right, 25 too many.
        assert_eq!(f1(&spans(&[(0.5, 1.25)]), &truth, 3.0), 100.0 / 175.0);
        // What lies behind the end is nowhere.
        assert_eq!(f1(&spans(&[(0.5, 1.0), (2.0, 9.0)]), &truth, 2.5), 1.0);
    }

    #[test]
    fn what_nothing_touches_is_missed_and_what_is_outside_is_lost() {
        let truth = spans(&[(0.5, 1.0), (2.0, 2.5), (3.0, 3.5)]);
        let found = spans(&[(0.75, 2.25)]);
        assert_eq!(missed(&found, &truth), 1);
        assert!((lost(&found, &truth) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_label_is_two_numbers() {
        assert_eq!(labels("0.5 1.25 speech\n\n2 3\n").unwrap(), spans(&[(0.5, 1.25), (2.0, 3.0)]));
        assert!(labels("0.5 to 1").unwrap_err().contains("`0.5 to 1` is no label"));
    }
}
