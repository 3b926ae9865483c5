//! The second source.
mod kit;

use kit::{Pack, Record, graph, node, output, ramp};
use tympan_core::{Fed, Format, Limits, SourceDef};

/// A second source may be half a second ahead, and so is what comes out: more than
/// was captured, and then an end that lies before it.
#[test]
fn an_output_of_the_second_source_ends_with_the_segment() {
    let mut g = graph([node::<Pack>("pack", &[("frames", 160)], &["render"])]);
    g.source(SourceDef::new("mic")).source(SourceDef::new("render"));
    g.output(output("far", "render")).output(output("packets", "pack"));
    let mut e = g.plan(&[Format::mono(16_000)], Limits::default()).unwrap().executor();
    let mut record = Record::default();
    let fed = e.feed(1, 0, &ramp(0, 4000), &mut record);
    assert_eq!(fed.taken, 4000);
    e.push(&ramp(0, 1000), &mut record);
    e.drain(&mut record);
    let far = &record.stretches[&(0, 0, 0)];
    assert_eq!(far.samples[0].len(), 1000);
    let (last, _) = record.stretches[&(1, 0, 0)].packets.last().unwrap();
    assert_eq!(last.position + (last.frames - last.trim) as i64, 1000);
}

/// The difference to a position far in the past does not fit an `i64`.
#[test]
fn a_second_source_may_be_late_by_any_measure() {
    let mut g = graph([]);
    g.source(SourceDef::new("mic")).source(SourceDef::new("render"));
    g.output(output("far", "render"));
    let mut e = g.plan(&[Format::mono(16_000)], Limits::default()).unwrap().executor();
    let mut record = Record::default();
    e.push(&ramp(0, 1000), &mut record);
    let fed = e.feed(1, i64::MIN, &ramp(0, 100), &mut record);
    assert_eq!(fed, Fed { taken: 0, late: 100, early: 0 });
}
