//! What C gets is what Rust gets, bit by bit: the same graph over the same audio, by the
//! executor alone, cut in another way.

use std::collections::BTreeMap;
use std::fmt::Write;

use tympan::{Format, Graph, Header, Planar, Sink};

use crate::tools::{self, C99, CXX, Link};

/// Samples and packets, as the program writes them: blocks of samples are joined, because
/// their borders are nobody's promise.
#[derive(Default, PartialEq)]
struct Heard {
    samples: BTreeMap<usize, Vec<u8>>,
    packets: BTreeMap<usize, Vec<(String, Vec<u8>)>>,
}

impl Heard {
    fn sums(&self) -> String {
        let mut text = String::new();
        for (output, bytes) in &self.samples {
            let _ = write!(text, " {output}: {} samples;", bytes.len() / 4);
        }
        for (output, packets) in &self.packets {
            let _ = write!(text, " {output}: {} packets;", packets.len());
        }
        text
    }
}

fn line(output: usize, h: &Header, bytes: usize) -> String {
    let Header { position, frames, lead, trim, segment, utterance, first, last } = *h;
    let (first, last) = (u8::from(first), u8::from(last));
    format!(
        "{output} {position} {frames} {lead} {trim} {segment} {utterance} {first} {last} {bytes}"
    )
}

impl Sink for Heard {
    fn audio(&mut self, output: usize, _: &Header, block: Planar<'_>) {
        let samples = self.samples.entry(output).or_default();
        for frame in 0..block.frames() {
            for channel in 0..block.channels() {
                samples.extend(block.channel(channel)[frame].to_ne_bytes());
            }
        }
    }

    fn packet(&mut self, output: usize, header: &Header, bytes: &[u8]) {
        let packets = self.packets.entry(output).or_default();
        packets.push((line(output, header, bytes.len()), bytes.to_vec()));
    }

    fn event(&mut self, _: tympan::Event) {}
}

/// As `sample` in talk.c.
struct Noise(u32);

impl Noise {
    fn sample(&mut self, at: u64, rate: u64) -> f32 {
        let loud = at / (rate / 2) % 3 == 1;
        let tooth = (at * 150 * 512 / rate % 512) as i32 - 256;
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let sum = if loud { tooth * 48 } else { 0 } + (self.0 >> 26) as i32 - 32;
        sum as f32 / 32768.0
    }
}

/// What Rust hears.
fn expected(graph: &Graph, format: Format, seconds: u64) -> Heard {
    let mut heard = Heard::default();
    let mut executor = graph.plan(format).unwrap().executor();
    let mut noise = Noise(1);
    let rate = u64::from(format.rate);
    let mut block = Vec::new();
    for at in 0..rate * seconds {
        let x = noise.sample(at, rate);
        block.extend(std::iter::repeat_n(x, format.channels as usize));
        if at % 777 == 776 || at + 1 == rate * seconds {
            executor.push(&block, &mut heard);
            block.clear();
        }
    }
    executor.drain(&mut heard);
    heard
}

/// What the program has written.
fn heard(mut written: &[u8], graph: &Graph, format: Format) -> Heard {
    let plan = graph.plan(format).unwrap();
    let mut heard = Heard::default();
    while !written.is_empty() {
        let end = written.iter().position(|&b| b == b'\n').unwrap();
        let line = std::str::from_utf8(&written[..end]).unwrap().to_owned();
        let numbers: Vec<i64> = line.split(' ').map(|n| n.parse().unwrap()).collect();
        let (output, len) = (numbers[0] as usize, numbers[9] as usize);
        let bytes = written[end + 1..][..len].to_vec();
        written = &written[end + 1 + len..];
        if plan.outputs()[output].codec.is_empty() {
            heard.samples.entry(output).or_default().extend(bytes);
        } else {
            heard.packets.entry(output).or_default().push((line, bytes));
        }
    }
    heard
}

/// Of the graphs that ship, those that bring all kinds of outputs.
const GRAPHS: &[(&str, Format)] = &[
    ("levels", Format::stereo(44_100)),
    ("dictation", Format::mono(48_000)),
    ("archive", Format::stereo(48_000)),
];

fn compare(
    program: &std::path::Path,
    seconds: u64,
    run: impl Fn(&std::path::Path, &[&str]) -> Vec<u8>,
) {
    for &(name, format) in GRAPHS {
        let path = tools::here().join(format!("../../graphs/{name}.toml"));
        let graph = Graph::from_file(&path, &tympan::registry()).unwrap();
        let (rate, channels) = (format.rate.to_string(), format.channels.to_string());
        let path = path.display().to_string();
        let written = run(program, &[&path, &rate, &channels, &seconds.to_string()]);
        let (c, rust) = (heard(&written, &graph, format), expected(&graph, format, seconds));
        println!("{}: {name} at {format}:{}", program.display(), rust.sums());
        assert!(rust.samples.len() + rust.packets.len() > 0, "{name} says nothing");
        assert!(c == rust, "{name}: Rust has{}\nC has{}", rust.sums(), c.sums());
        // The comparison can fail.
        let mut other = c;
        let spoilt = other.samples.values_mut().next();
        match spoilt.or(other.packets.values_mut().next().map(|p| &mut p[0].1)) {
            Some(bytes) => bytes[0] ^= 1,
            None => unreachable!("something was heard"),
        }
        assert!(other != rust, "{name}: a flipped bit was not noticed");
    }
}

fn plainly(program: &std::path::Path, arguments: &[&str]) -> Vec<u8> {
    tools::run(std::process::Command::new(program).args(arguments))
}

#[test]
fn c_gets_what_rust_gets() {
    for link in [Link::Static, Link::Shared] {
        let program = tools::build(C99, "talk.c", link, &format!("talk-{link:?}"));
        compare(&program, 5, plainly);
    }
}

#[test]
fn the_same_in_cpp() {
    if tools::has("c++") {
        compare(&tools::build(CXX, "talk.c", Link::Static, "talk-cpp"), 2, plainly);
    }
}

#[test]
fn valgrind_finds_nothing() {
    if tools::has("valgrind") {
        let program = tools::build(C99, "talk.c", Link::Shared, "talk-watched");
        compare(&program, 1, tools::watched);
    }
}

/// Not where Rust brings a sanitizer of its own, and not with every compiler.
#[test]
fn the_address_sanitizer_finds_nothing() {
    let compiler = [C99, &["-fsanitize=address"]].concat();
    let able = std::process::Command::new("cc")
        .args(["-fsanitize=address", "-x", "c", "-", "-o"])
        .arg(tools::scratch("sanitized"))
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .output()
        .is_ok_and(|o| !String::from_utf8_lossy(&o.stderr).contains("asan"));
    if able {
        let program = tools::build(&compiler, "talk.c", Link::Shared, "talk-asan");
        compare(&program, 1, plainly);
    } else {
        println!("not run: this compiler brings no address sanitizer");
    }
}
