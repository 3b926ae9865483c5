//! What people get wrong in a graph, and what they are told: the whole text is a
//! fixture, read by a person. Nothing that is refused panics or is taken for something
//! else.

mod kit;

use std::fmt::Write;

use tympan::nodes::{Gain, Highpass, Level, Mix, Pcm16};
use tympan::{Format, Graph, Limits, Registry};

/// A name for the mistake, the graph, and the device it is planned for.
const MISTAKES: &[(&str, &str, Format)] = &[
    ("an empty file", "", MONO),
    ("not TOML", "kind = [", MONO),
    ("a kind that does not exist", "[[node]]\nkind = \"gian\"\n", MONO),
    ("a kind that nothing resembles", "[[node]]\nkind = \"zzz\"\n", MONO),
    ("no kind", "[[node]]\nid = \"x\"\n", MONO),
    (
        "a key in the wrong case",
        "[[node]]\nkind = \"gain\"\ndB = 3\n\n[[output]]\nname = \"x\"\n",
        MONO,
    ),
    ("a misspelt table", "[[nodes]]\nkind = \"gain\"\n", MONO),
    ("one pair of brackets", "[node]\nkind = \"gain\"\n", MONO),
    ("a value out of range", "[[node]]\nkind = \"gain\"\ndb = 300\n", MONO),
    ("a value that is no number", "[[node]]\nkind = \"gain\"\ndb = nan\n", MONO),
    ("a text for a number", "[[node]]\nkind = \"gain\"\ndb = \"-6dB\"\n", MONO),
    ("a time without a unit it knows", "[[node]]\nkind = \"level\"\nevery = \"100 hours\"\n", MONO),
    ("a key that must be there", "[[node]]\nkind = \"mix\"\n\n[[output]]\nname = \"x\"\n", MONO),
    (
        "a feeder that is not there",
        "[[node]]\nkind = \"gain\"\nfrom = \"mick\"\n\n[[output]]\nname = \"x\"\n",
        MONO,
    ),
    (
        "a port that is not there",
        "[[node]]\nkind = \"gain\"\nfrom = { input = \"mic\" }\n\n[[output]]\nname = \"x\"\n",
        MONO,
    ),
    (
        "a number for a feeder",
        "[[node]]\nkind = \"gain\"\nfrom = 1\n\n[[output]]\nname = \"x\"\n",
        MONO,
    ),
    (
        "two nodes of one name",
        "[[node]]\nkind = \"gain\"\n\n[[node]]\nkind = \"gain\"\n\n[[output]]\nname = \"x\"\n",
        MONO,
    ),
    (
        "two outputs of one name",
        "[[output]]\nname = \"x\"\nfrom = \"mic\"\n\n[[output]]\nname = \"x\"\nfrom = \"mic\"\n",
        MONO,
    ),
    (
        "a node that feeds itself",
        "[[node]]\nkind = \"gain\"\nfrom = \"gain\"\n\n[[output]]\nname = \"x\"\n",
        MONO,
    ),
    (
        "a circle of three",
        "[[node]]\nid = \"a\"\nkind = \"gain\"\nfrom = \"c\"\n\n[[node]]\nid = \"b\"\nkind = \"gain\"\nfrom = \"a\"\n\n[[node]]\nid = \"c\"\nkind = \"gain\"\nfrom = \"b\"\n\n[[output]]\nname = \"x\"\n",
        MONO,
    ),
    (
        "packets into a node",
        "[[node]]\nkind = \"pcm16\"\n\n[[node]]\nkind = \"gain\"\nfrom = \"pcm16\"\n\n[[output]]\nname = \"x\"\n",
        MONO,
    ),
    (
        "events as an output",
        "[[node]]\nkind = \"level\"\n\n[[output]]\nname = \"x\"\nfrom = \"level\"\n",
        MONO,
    ),
    (
        "a node nobody listens to",
        "[[node]]\nkind = \"gain\"\n\n[[node]]\nkind = \"pcm16\"\nfrom = \"mic\"\n\n[[output]]\nname = \"x\"\n",
        MONO,
    ),
    ("no output", "[[source]]\nname = \"mic\"\n", MONO),
    ("an output without a name", "[[output]]\nfrom = \"mic\"\n", MONO),
    (
        "an output held to another rate",
        "[[output]]\nname = \"x\"\nfrom = \"mic\"\nrate = 16000\n",
        MONO,
    ),
    (
        "channels that cannot become others",
        "[[node]]\nkind = \"mix\"\nchannels = 3\n\n[[output]]\nname = \"x\"\n",
        Format::stereo(48_000),
    ),
    (
        "a channel the device does not have",
        "[[source]]\nname = \"mic\"\nchannel = 2\n\n[[output]]\nname = \"x\"\n",
        MONO,
    ),
    ("channel 0", "[[source]]\nname = \"mic\"\nchannel = 0\n\n[[output]]\nname = \"x\"\n", MONO),
    (
        "a filter above the device's rate",
        "[[node]]\nkind = \"highpass\"\nhz = 900\n\n[[output]]\nname = \"x\"\n",
        Format::mono(1_600),
    ),
    (
        "a gap that is too long to fill",
        "[graph]\nfill = \"2s\"\n\n[[output]]\nname = \"x\"\nfrom = \"mic\"\n",
        MONO,
    ),
    ("a graph that is no table", "graph = 3\n", MONO),
    (
        "a device that does not exist",
        "[[output]]\nname = \"x\"\nfrom = \"mic\"\n",
        Format::new(5_000_000, 1),
    ),
    ("an empty name", "[[output]]\nname = \"\"\nfrom = \"mic\"\n", MONO),
];

const MONO: Format = Format::mono(48_000);

/// Always these kinds, whatever features are on: the texts list them.
fn registry() -> Registry {
    Registry::new().add::<Gain>().add::<Highpass>().add::<Level>().add::<Mix>().add::<Pcm16>()
}

fn told(text: &str, device: Format, limits: Limits) -> Result<(), tympan::GraphError> {
    let graph = Graph::from_toml(text, &registry())?;
    graph.plan_with(&[device], limits).map(drop)
}

#[test]
fn every_mistake_is_told_where_it_is() {
    let mut all = String::new();
    for (name, text, device) in MISTAKES {
        let error = told(text, *device, Limits::default());
        let error = error.expect_err(&format!("{name} was taken"));
        writeln!(all, "# {name}\n\n{error}\n").unwrap();
    }
    // Something that would need gigabytes, with the number.
    let text = "[[node]]\nkind = \"level\"\nevery = \"10s\"\n";
    let limits = Limits { max_push: u32::MAX, ..Limits::default() };
    let error = told(text, Format::new(768_000, 64), limits).expect_err("gigabytes were taken");
    writeln!(all, "# a graph that needs gigabytes\n\n{error}\n").unwrap();
    kit::fixture("mistakes.txt", &all);
}

#[test]
fn a_graph_file_that_cannot_be_read_is_told_so() {
    let folder = kit::root().join("target/mistakes");
    std::fs::create_dir_all(&folder).unwrap();
    let open = |name: &str| Graph::from_file(folder.join(name), &tympan::registry());
    std::fs::write(folder.join("binary.toml"), [0xff, 0xfe, 0x00]).unwrap();
    std::fs::write(folder.join("huge.toml"), vec![b'#'; 2 << 20]).unwrap();
    for (name, why) in [
        ("absent.toml", "there is no such file"),
        ("binary.toml", "not UTF-8"),
        ("huge.toml", "larger than 1024 KiB"),
        (".", "it is a folder"),
    ] {
        let error = open(name).unwrap_err();
        assert_eq!(error.code(), "T0107");
        assert!(error.message().contains(why), "{error}");
    }
}

#[test]
fn random_damage_to_a_graph_never_panics() {
    let good: Vec<String> =
        kit::shipped().iter().map(|p| std::fs::read_to_string(p).unwrap()).collect();
    let (mut refused, mut taken) = (0, 0);
    for seed in 1..20_000 {
        let mut rng = kit::Rng::new(seed);
        let mut text = good[rng.below(good.len())].clone().into_bytes();
        for _ in 0..=rng.below(4) {
            let at = rng.below(text.len().max(1));
            match rng.below(4) {
                0 if at < text.len() => text[at] = b"=[]\"{}.#\n 0-9e"[rng.below(14)],
                1 if at < text.len() => drop(text.remove(at)),
                2 => text.truncate(at.max(1)),
                _ => text.insert(at, 32 + rng.below(95) as u8),
            }
        }
        let Ok(text) = String::from_utf8(text) else { continue };
        match told(&text, MONO, Limits::default()) {
            Ok(()) => taken += 1,
            Err(e) => {
                assert!(!e.message().is_empty() && !e.render(true).is_empty());
                refused += 1;
            }
        }
    }
    println!("{refused} refused, {taken} taken");
    assert!(refused > 1000 && taken > 1000);
}
