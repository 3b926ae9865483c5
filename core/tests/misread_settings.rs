//! What a kind reads while it is built is what was written, or the default.

mod kit;

use kit::{graph, output};
use tympan_core::{
    Build, Built, Format, Input, Kind, KindInfo, Limits, Node, NodeDef, Output, Param, Refusal,
    Value,
};

/// Refuses to be built, with what it has read.
struct Reads;

impl Kind for Reads {
    const NAME: &'static str = "reads";
    const ABOUT: &'static str = "Says what it reads.";
    const PARAMS: &'static [Param] = &[
        Param::number("number", -100.0, 100.0, 0.5),
        Param::time("time", 0.0, 1000.0, 10.0),
        Param::whole("whole", -100, 100, 3),
        Param::flag("flag", false),
        Param::choice("choice", &["some", "other"], "some"),
        Param::text("text", "nothing"),
        Param::number("live", -100.0, 100.0, 0.25).live(),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let why = format!(
            "{} {} {} {} {} {} {} {}",
            cx.number("number"),
            cx.number("time"),
            cx.frames("time"),
            cx.whole("whole"),
            cx.flag("flag"),
            cx.text("choice"),
            cx.text("text"),
            cx.live("live").get(),
        );
        Err(Refusal::Setting { name: "text", why })
    }
}

impl Node for Reads {
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) {}
}

fn read(keys: &[(&str, Value)]) -> String {
    let mut def = NodeDef::new("it", KindInfo::of::<Reads>());
    for (key, value) in keys {
        def.set(key, value.clone()).unwrap();
    }
    def.from("mic");
    let mut g = graph([def]);
    g.output(output("o", "it"));
    let error = g.plan(&[Format::mono(44_100)], Limits::default()).err().expect("a refusal");
    error.to_string()
}

#[test]
fn what_is_read_is_what_was_written_or_the_default() {
    let defaults = read(&[]);
    assert!(defaults.contains("0.5 10 441 3 false some nothing 0.25"), "{defaults}");
    let written = read(&[
        ("number", Value::Number(-7.5)),
        // 44.0559 frames, and 44.541 with the half.
        ("time", Value::Number(0.999)),
        ("whole", Value::Whole(-4)),
        ("flag", Value::Flag(true)),
        ("choice", Value::Text("other".into())),
        ("text", Value::Text("words".into())),
        ("live", Value::Number(2.0)),
    ]);
    assert!(written.contains("-7.5 0.999 44 -4 true other words 2"), "{written}");
    let up = read(&[("time", Value::Number(1.01))]);
    assert!(up.contains(" 1.01 45 "), "{up}");
}

#[test]
fn what_is_refused_is_told_in_words() {
    let mut reads = NodeDef::new("reads", KindInfo::of::<Reads>());
    let unknown = reads.set("numbr", Value::Number(1.0)).expect_err("no such key");
    assert_eq!(unknown.to_string(), "there is no such key");
    let wrong = reads.set("flag", Value::Text("perhaps".into())).expect_err("no flag");
    assert!(wrong.to_string().starts_with("`flag` takes "), "{wrong}");
}
