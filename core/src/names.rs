//! Names that somebody mistyped.

use alloc::vec::Vec;

/// The name that `word` was most likely meant to be.
///
/// ```
/// let kinds = ["gain", "gate", "highpass"];
/// assert_eq!(tympan_core::nearest("Gian", kinds), Some("gain"));
/// assert_eq!(tympan_core::nearest("high", kinds), Some("highpass"));
/// assert_eq!(tympan_core::nearest("reverb", kinds), None);
/// ```
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let letters: Vec<char> = lower.chars().collect();
    let far = |name: &str| {
        let name = name.to_lowercase();
        // A shorter word that starts alike is as near as can be, and so is one that lacks
        // its unit, or has one.
        let unit = |long: &str, short: &str| {
            !short.is_empty() && long.strip_prefix(short).is_some_and(|rest| rest.starts_with('_'))
        };
        let begun = letters.len() >= 3 && name.starts_with(&lower)
            || unit(&name, &lower)
            || unit(&lower, &name);
        if begun { 0 } else { mistakes(&letters, &name) }
    };
    let (far, name) = names.into_iter().map(|name| (far(name), name)).min_by_key(|near| near.0)?;
    // A third of the letters may be wrong.
    (far <= (letters.len() / 3).max(1)).then_some(name)
}

/// How many letters were left out, put in, taken for others, or changed places: what the
/// beginnings of both cost, row by row.
fn mistakes(word: &[char], name: &str) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=word.len()).collect();
    let mut last = None;
    for (n, letter) in name.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(n + 1);
        for (i, &typed) in word.iter().enumerate() {
            let same = row[i] + usize::from(typed != letter);
            let mut least = same.min(next[i] + 1).min(row[i + 1] + 1);
            if i > 0 && Some(typed) == last && word[i - 1] == letter {
                least = least.min(before[i - 1] + 1);
            }
            next.push(least);
        }
        (before, row) = (row, next);
        last = Some(letter);
    }
    row[word.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(a: &str, b: &str) -> usize {
        mistakes(&a.chars().collect::<Vec<_>>(), b)
    }

    #[test]
    fn each_mistake_is_counted_once() {
        for (word, name, count) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("gain", "gain", 0),
            ("gian", "gain", 1),
            ("gan", "gain", 1),
            ("gaiin", "gain", 1),
            ("gein", "gain", 1),
            ("kitten", "sitting", 3),
            ("rate", "trae", 2),
            ("größe", "grösse", 2),
        ] {
            assert_eq!(between(word, name), count, "{word} {name}");
            assert_eq!(between(name, word), count, "{name} {word}");
        }
    }

    #[test]
    fn the_nearest_is_found_and_nothing_far() {
        let names = ["gain", "gate", "highpass", "resample"];
        for (word, near) in [
            ("resmaple", Some("resample")),
            ("GATE", Some("gate")),
            ("hi", None),
            ("hig", Some("highpass")),
            ("g", None),
            ("gai", Some("gain")),
            ("xyz", None),
            ("", None),
            ("gateway", None),
            ("gain_db", Some("gain")),
            // A third of nine letters.
            ("resamplxy", Some("resample")),
            ("resamxyzq", None),
            ("highpaxxx", Some("highpass")),
            ("highxxxxx", None),
        ] {
            assert_eq!(nearest(word, names), near, "{word}");
        }
        assert_eq!(nearest("gain", []), None);
    }
}
