//! Swaps that are let through.
mod kit;

use std::panic::resume_unwind;

use kit::{Pack, caught, graph, node, output, ramp, swapped, wired};
use tympan_core::{
    Build, Built, Executor, Flow, Format, Input, Kind, Limits, Node, NodeDef, Output, Refusal, Spec,
};

struct OtherCodec;
impl Kind for OtherCodec {
    const NAME: &'static str = "othercodec";
    const ABOUT: &'static str = "Other packets.";
    const OUTPUT: Flow = Flow::Packets;
    fn build(_: &Build<'_>) -> Result<Built, Refusal> {
        Spec::packets(8).fixed(960).delay(2000).runs(Self)
    }
}
impl Node for OtherCodec {
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) {}
}

/// "Outputs keep their names and formats over a swap": a file of one codec would get
/// packets of another.
#[test]
fn a_swap_to_another_codec_is_refused() {
    let mut a = graph([node::<Pack>("enc", &[], &[])]);
    a.output(output("o", "enc"));
    let mut b = graph([node::<OtherCodec>("enc", &[], &[])]);
    b.output(output("o", "enc"));
    let plan = |g: &tympan_core::Graph| {
        g.plan(&[Format::mono(48_000)], Limits::default()).unwrap().executor()
    };
    assert!(plan(&b).can_replace(plan(&a).outputs()).is_err());
}

struct DiesOnce(bool);
impl Kind for DiesOnce {
    const NAME: &'static str = "diesonce";
    const ABOUT: &'static str = "Dies in its first call; a new one too.";
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self(true))
    }
}
impl Node for DiesOnce {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        if input.channel(0, 0)[0] == 0.0 && self.0 {
            resume_unwind(Box::new(()));
        }
        output.channel(0).fill(0.5);
    }
}

/// The new executor brings a living node, and gets the dead one in its place.
#[test]
fn the_dead_do_not_move_over() {
    let mut g = graph([node::<DiesOnce>("n", &[], &[])]);
    g.output(output("o", "n"));
    let plan = || g.plan(&[Format::mono(48_000)], Limits::default()).unwrap().executor();
    let (mut old, new) = (plan(), plan());
    old.set_calls(caught());
    let record = swapped(old, &ramp(0, 100), new, &ramp(1, 100));
    assert_eq!(record.stretches[&(0, 1, 0)].samples[0], [0.5; 100]);
}

/// Puts out the same value everywhere.
struct Says<const N: usize>;

macro_rules! says {
    ($n:literal, $name:literal) => {
        impl Kind for Says<$n> {
            const NAME: &'static str = $name;
            const ABOUT: &'static str = "Says a number.";
            fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
                Spec::audio(cx.input(0)).runs(Self)
            }
        }
    };
}
says!(1, "one");
says!(2, "two");

impl<const N: usize> Node for Says<N> {
    fn process(&mut self, _: Input<'_>, output: &mut Output<'_>) {
        output.channel(0).fill(N as f32 / 8.0);
    }
}

fn executor(nodes: impl IntoIterator<Item = NodeDef>, outputs: &[(&str, &str)]) -> Executor {
    let plan = wired(nodes, outputs).plan(&[Format::mono(48_000)], Limits::default());
    plan.unwrap_or_else(|e| panic!("{e}")).executor()
}

/// Of the same name, for the same input, with the same promise: only the kind is another.
#[test]
fn nodes_of_another_kind_do_not_move_over() {
    let old = executor([node::<Says<1>>("n", &[], &[])], &[("o", "n")]);
    let new = executor([node::<Says<2>>("n", &[], &[])], &[("o", "n")]);
    let record = swapped(old, &ramp(0, 100), new, &ramp(0, 100));
    assert_eq!(record.stretches[&(0, 1, 0)].samples[0], [0.25; 100]);
}

#[test]
fn outputs_keep_their_names_their_number_and_what_they_are() {
    let of = |outputs: &[(&str, &str)]| {
        let used = |id| outputs.iter().any(|(_, from)| *from == id);
        let says = used("n").then(|| node::<Says<1>>("n", &[], &["mic"]));
        let packs = used("enc").then(|| node::<Pack>("enc", &[], &["mic"]));
        executor(says.into_iter().chain(packs), outputs)
    };
    let running = of(&[("a", "n"), ("b", "enc")]);
    let refused = |new: Executor| new.can_replace(running.outputs()).map_err(|e| e.to_string());
    assert_eq!(refused(of(&[("a", "n"), ("b", "enc")])), Ok(()));
    for wrong in [
        &[("a", "n"), ("c", "enc")][..],
        &[("c", "n"), ("b", "enc")],
        &[("a", "enc"), ("b", "n")],
        &[("a", "n")],
        &[("a", "n"), ("b", "enc"), ("c", "n")],
    ] {
        let why = refused(of(wrong)).unwrap_err();
        assert!(why.starts_with("the running graph has the outputs `a`, `b`, the new"), "{why}");
    }
}
