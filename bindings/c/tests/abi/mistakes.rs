//! Mistakes of a caller, and what costs nothing.

use std::process::Command;

use crate::tools::{self, C99, Link};

/// Read by a person; `TYMPAN_BLESS=1` writes it anew.
#[test]
fn every_mistake_is_a_sentence() {
    let program = tools::build(C99, "misuse.c", Link::Shared, "misuse");
    let said = String::from_utf8(tools::run(&mut Command::new(&program))).unwrap();
    let path = tools::here().join("tests/abi/misuse.txt");
    if std::env::var_os("TYMPAN_BLESS").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == said, "this is not what misuse.txt says; TYMPAN_BLESS=1 writes it\n\n{said}");
    if tools::has("valgrind") {
        assert_eq!(tools::watched(&program, &[]), said.as_bytes());
    }
}

/// The numbers of the header are those of the library.
#[test]
fn what_happens_is_told() {
    let program = tools::build(C99, "events.c", Link::Shared, "events");
    let said = String::from_utf8(tools::run(&mut Command::new(program))).unwrap();
    let expected = "\
        0 16000 0 start\n\
        960 16000 0 bad 1 0\n\
        0 16000 0 level of 0: 0.5, node 1\n\
        2400 16000 0 gap of 16, filled 16\n\
        1600 16000 0 level of 0: 0.5, node 1\n\
        3200 16000 0 level of 0: 0.5, node 1\n\
        3856 16000 0 end by interruption\n\
        0 16000 1 start\n\
        0 16000 1 level of 0: 0.5, node 1\n\
        960 16000 1 end by stop\n\
        in 4800 lost 16 filled 16 mended 1\n";
    assert_eq!(said, expected);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn an_audio_callback_costs_no_heap_operation() {
    let program = tools::build(&["cc", "-std=gnu99"], "heap.c", Link::Static, "heap");
    let said = String::from_utf8(tools::run(&mut Command::new(program))).unwrap();
    let counts: Vec<u32> = said.split_whitespace().map(|n| n.parse().unwrap()).collect();
    println!("heap operations in the realtime calls: {}, in another: {}", counts[1], counts[2]);
    assert_eq!(counts[0], 0, "so many calls answered otherwise than they should");
    assert_eq!(counts[1], 0, "heap operations");
    assert!(counts[2] > 0, "a call that allocates was not caught");
}
