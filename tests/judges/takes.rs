//! Every sound in every container before every judge.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tympan::take::Container;

use crate::judges::{self, Judge};
use crate::sounds::{self, Sound};
use crate::studio::{Recorded, Tap};

/// A row of the table: how many takes there are of a kind, and what was found.
#[derive(Default)]
struct Row {
    takes: usize,
    frames: u64,
    /// Frames by which the takes say that they are longer or shorter than what came in.
    off: u64,
    /// Findings of each judge.
    found: BTreeMap<&'static str, usize>,
}

type Table = BTreeMap<(&'static str, Tap), Row>;

#[test]
fn every_take_plays_what_was_accepted_and_no_judge_complains() {
    let judges = judges::here();
    let mut sounds = sounds::ours();
    if std::env::var_os("TYMPAN_LONG").is_some() {
        sounds.extend(sounds::shared().into_iter().flatten());
    } else {
        println!("NOT RUN: the shared recordings; ./x judges records them all");
    }
    let (table, refused) = (Mutex::new(Table::new()), Mutex::new(Vec::new()));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(sound) = sounds.get(next.fetch_add(1, Ordering::Relaxed)) {
            for container in Container::available() {
                for tap in Tap::ALL {
                    if tap.suits(container, sound.format) {
                        match Recorded::of(sound, tap, container) {
                            Ok(take) => judged(sound, tap, &take, &judges, &table),
                            Err(why) => refused.lock().unwrap().push((sound, container, why)),
                        }
                    }
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let (table, refused) = (table.into_inner().unwrap(), refused.into_inner().unwrap());
    for (sound, container, why) in &refused {
        println!("{} as {}: refused: {why}", sound.name, container.name());
    }
    print(&table, &judges, sounds.len());
    // What no device can deliver is refused, and nothing else.
    assert!(refused.iter().all(|(sound, ..)| !sound.format.is_valid()), "see above");
    assert!(table.values().all(|row| row.off == 0 && row.found.is_empty()), "see above");
    assert_eq!(
        table.keys().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>().len(),
        Container::available().count(),
        "a container had no sound"
    );
}

fn judged(sound: &Sound, tap: Tap, take: &Recorded, judges: &[&Judge], table: &Mutex<Table>) {
    let container = take.take.container;
    let mut row = Row { takes: 1, frames: take.frames(), ..Row::default() };
    row.off = take.take.frames.abs_diff(row.frames) + take.take.dropped() + take.take.filled;
    if row.off > 0 {
        println!("{} as {}: its sidecar says {:?}", sound.name, container.name(), take.take);
    }
    for judge in judges.iter().filter(|judge| judge.judges(container)) {
        if !judge.can(container, row.frames) {
            println!(
                "NOT JUDGED by {}: {} as {}, shorter than a packet",
                judge.name,
                sound.name,
                container.name()
            );
            continue;
        }
        if let Some(why) = take.before(judge) {
            println!(
                "{} as {}, {}: {}: {why}",
                sound.name,
                container.name(),
                tap.name(),
                judge.name
            );
            row.found.insert(judge.name, 1);
        }
    }
    let mut table = table.lock().unwrap();
    let sum = table.entry((container.name(), tap)).or_default();
    sum.takes += row.takes;
    sum.frames += row.frames;
    sum.off += row.off;
    for (judge, count) in row.found {
        *sum.found.entry(judge).or_default() += count;
    }
}

fn print(table: &Table, judges: &[&Judge], sounds: usize) {
    println!("\n{sounds} sounds; what each judge finds in the takes of them");
    print!("{:10} {:9} {:>5} {:>16} {:>4}", "container", "recorded", "takes", "samples", "off");
    print!("{}", judges::names(judges));
    println!();
    for ((name, tap), row) in table {
        print!("{name:10} {:9} {:5} {:16} {:4}", tap.name(), row.takes, row.frames, row.off);
        let container = Container::named(name).unwrap();
        for judge in judges {
            let count = row.found.get(judge.name).copied().unwrap_or(0).to_string();
            let cell = if judge.judges(container) { &count } else { "-" };
            print!("  {cell:>0$}", judge.name.len());
        }
        println!();
    }
}
