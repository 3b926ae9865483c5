//! Which panics can be come to from a function, by the machine code of a program: the listing
//! of a disassembler tells who calls whom, and each panic names its place in the source by a
//! pointer, whichever function it was put into.
//!
//! Calls through the table of a trait are not in a listing, so whatever implements such a trait
//! is a beginning of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// A place in the source: file, line, column.
pub(crate) type Place = (String, u32, u32);

/// A program, taken apart.
pub(crate) struct Code {
    bytes: Vec<u8>,
    /// Where in memory parts of the file come to lie: address, offset, length.
    parts: Vec<(u64, u64, u64)>,
    /// What stands in pointers once the program is loaded.
    pointers: BTreeMap<u64, u64>,
    functions: BTreeMap<u64, Function>,
}

#[derive(Default)]
struct Function {
    name: String,
    /// Addresses that it goes to or takes.
    mentions: BTreeSet<u64>,
}

/// Where the walk ends: what codecs do is caught around them, what allocates is seen by
/// others, and the rest is what a panic runs.
const FOREIGN: &[&str] = &[
    "nnnoiseless",
    "easyfft",
    "realfft",
    "rustfft",
    "rubato",
    "audioadapter",
    "opus",
    "sonora",
    "earshot",
    "webrtc_vad",
    "std::",
    "core::fmt",
    "core::panicking",
    "core::str",
    "_Unwind",
    "__rust",
];

fn is_foreign(name: &str) -> bool {
    let name = name.trim_start_matches(['<', '&']);
    FOREIGN.iter().any(|foreign| name.starts_with(foreign))
}

impl Code {
    /// Of a program of this machine; None where there is no `objdump`, or no program of the
    /// form that is read here.
    pub(crate) fn of(program: &str) -> Option<Self> {
        let arguments = ["-d", "--no-show-raw-insn", "-C", program];
        let output = Command::new("objdump").args(arguments).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let bytes = std::fs::read(program).unwrap();
        // 64 bits, the low byte first.
        if !bytes.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let mut code = Self {
            bytes,
            parts: Vec::new(),
            pointers: BTreeMap::new(),
            functions: BTreeMap::new(),
        };
        code.map();
        code.list(&String::from_utf8_lossy(&output.stdout));
        Some(code)
    }

    fn word(&self, at: u64) -> u64 {
        let bytes = self.bytes[at as usize..][..8].try_into().unwrap();
        u64::from_le_bytes(bytes)
    }

    /// Reads the table of segments, and what a loader would write into pointers.
    fn map(&mut self) {
        const LOAD: u32 = 1;
        const DYNAMIC: u32 = 2;
        const RELA: u64 = 7;
        const RELA_SIZE: u64 = 8;
        let (table, count) = (self.word(32), self.word(56) & 0xffff);
        let mut dynamic = BTreeMap::new();
        for at in (0..count).map(|n| table + 56 * n) {
            let (offset, address) = (self.word(at + 8), self.word(at + 16));
            let length = self.word(at + 32);
            match self.word(at) as u32 {
                LOAD => self.parts.push((address, offset, length)),
                DYNAMIC => {
                    let entries = (offset..offset + length).step_by(16);
                    dynamic = entries.map(|at| (self.word(at), self.word(at + 8))).collect();
                }
                _ => {}
            }
        }
        let Some(at) = dynamic.get(&RELA).and_then(|at| self.offset(*at)) else { return };
        for entry in (at..at + dynamic[&RELA_SIZE]).step_by(24) {
            // One without a symbol is a plain pointer into the program.
            if self.word(entry + 8) >> 32 == 0 {
                self.pointers.insert(self.word(entry), self.word(entry + 16));
            }
        }
    }

    /// Where in the file an address is.
    fn offset(&self, address: u64) -> Option<u64> {
        let part = self.parts.iter().find(|(at, _, len)| (*at..at + len).contains(&address));
        part.map(|(at, offset, _)| address - at + offset)
    }

    fn list(&mut self, listing: &str) {
        let mut here = 0;
        for line in listing.lines() {
            if let Some((at, name)) = line.strip_suffix(">:").and_then(|l| l.split_once(" <")) {
                here = u64::from_str_radix(at, 16).unwrap_or(0);
                self.functions.entry(here).or_default().name = name.into();
            } else if let Some(to) = mentioned(line) {
                // Through a pointer, or directly.
                let function = self.functions.entry(here).or_default();
                function.mentions.insert(to);
                function.mentions.extend(self.pointers.get(&to));
            }
        }
    }

    /// The functions that can be come to from these.
    fn walk(&self, is_first: impl Fn(&str) -> bool) -> BTreeSet<u64> {
        let first = self.functions.iter().filter(|(_, f)| is_first(&f.name));
        let mut waiting: Vec<u64> = first.map(|(at, _)| *at).collect();
        let mut been: BTreeSet<u64> = waiting.iter().copied().collect();
        while let Some(at) = waiting.pop() {
            for to in &self.functions[&at].mentions {
                let is_ours = self.functions.get(to).is_some_and(|f| !is_foreign(&f.name));
                if is_ours && been.insert(*to) {
                    waiting.push(*to);
                }
            }
        }
        been
    }

    /// The places of the panics that can be come to from these functions.
    pub(crate) fn panics(&self, is_first: impl Fn(&str) -> bool) -> BTreeSet<Place> {
        let mentions = self.walk(is_first).into_iter().flat_map(|at| &self.functions[&at].mentions);
        mentions.filter_map(|at| self.place(*at)).collect()
    }

    /// What a panic is told of its place: a text, its length, line and column.
    fn place(&self, at: u64) -> Option<Place> {
        let (text, rest) = (self.offset(*self.pointers.get(&at)?)?, self.offset(at + 8)?);
        let (length, numbers) = (self.word(rest) as usize, self.word(rest + 8));
        let text = self.bytes.get(text as usize..)?.get(..length)?;
        let file = std::str::from_utf8(text).ok().filter(|file| file.contains(".rs"))?;
        Some((file.into(), numbers as u32, (numbers >> 32) as u32))
    }

    /// How many functions there are of which this is true.
    pub(crate) fn count(&self, is_it: impl Fn(&str) -> bool) -> usize {
        self.functions.values().filter(|f| is_it(&f.name)).count()
    }
}

/// Where an instruction goes, or whose address it takes.
fn mentioned(line: &str) -> Option<u64> {
    let instruction = line.split_once('\t')?.1;
    let digits = if let Some((_, noted)) = instruction.split_once("# ") {
        noted
    } else {
        let mut words = instruction.split_whitespace().skip_while(|word| *word == "addr32");
        // Of x86 and of ARM.
        words.next().filter(|word| word.starts_with(['j', 'b']) || word.starts_with("call"))?;
        words.next()?
    };
    let digits = digits.split(|c: char| !c.is_ascii_hexdigit()).next()?;
    u64::from_str_radix(digits, 16).ok()
}
