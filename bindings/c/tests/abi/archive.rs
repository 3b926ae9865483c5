//! Every object of the static library is of its target. A build script that does not know
//! the cross compiler puts objects of this machine into it, and nobody notices before the
//! app is linked.
//!
//! With `TYMPAN_ARCHIVE` and `TYMPAN_TARGET` a library that was built elsewhere is judged.

use std::collections::BTreeMap;

use crate::tools::{self, Link};

/// What an object says it is for: `None` where it is none.
fn kind(object: &[u8]) -> Option<String> {
    let word = |at: usize| {
        let bytes = object.get(at..at + 4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    if object.starts_with(b"\x7fELF") {
        let machine = word(16)? >> 16;
        return Some(format!("ELF machine {machine}"));
    }
    if word(0)? != 0xfeed_facf {
        return None;
    }
    let (cpu, commands) = (word(4)?, word(16)?);
    let mut at = 32;
    for _ in 0..commands {
        let (command, size) = (word(at)?, word(at + 4)? as usize);
        let platform = match command {
            0x24 => Some(1),             // LC_VERSION_MIN_MACOSX
            0x25 => Some(2),             // LC_VERSION_MIN_IPHONEOS
            0x32 => Some(word(at + 8)?), // LC_BUILD_VERSION
            _ => None,
        };
        if let Some(platform) = platform {
            return Some(format!("Mach-O cpu {cpu:#x} platform {platform}"));
        }
        at += size.max(8);
    }
    Some(format!("Mach-O cpu {cpu:#x} without platform"))
}

/// What objects for a target say.
fn wanted(target: &str) -> Option<&'static str> {
    Some(match target {
        "aarch64-apple-darwin" => "Mach-O cpu 0x100000c platform 1",
        "aarch64-apple-ios" => "Mach-O cpu 0x100000c platform 2",
        "aarch64-apple-ios-sim" => "Mach-O cpu 0x100000c platform 7",
        "aarch64-linux-android" | "aarch64-unknown-linux-gnu" => "ELF machine 183",
        "x86_64-unknown-linux-gnu" => "ELF machine 62",
        _ => return None,
    })
}

/// How many objects of each kind are in an archive. Members are read by place: there may
/// be several of one name.
fn kinds(archive: &[u8]) -> BTreeMap<String, usize> {
    assert!(archive.starts_with(b"!<arch>\n"), "this is no archive");
    let mut kinds = BTreeMap::new();
    let mut at = 8;
    while let Some(head) = archive.get(at..at + 60) {
        let size: usize = std::str::from_utf8(&head[48..58]).unwrap().trim().parse().unwrap();
        let mut body = &archive[at + 60..][..size];
        if let Some(len) = head.strip_prefix(b"#1/") {
            // BSD puts long names in front of the member.
            let len = std::str::from_utf8(&len[..13]).unwrap().trim().parse::<usize>().unwrap();
            body = &body[len..];
        }
        if let Some(kind) = kind(body) {
            *kinds.entry(kind).or_default() += 1;
        }
        at += 60 + size + size % 2;
    }
    kinds
}

/// A sentence about what does not belong there.
fn strangers(archive: &[u8], target: &str) -> Result<usize, String> {
    let wanted = wanted(target).ok_or_else(|| format!("no rule for {target}"))?;
    let kinds = kinds(archive);
    match kinds.get(wanted) {
        Some(&count) if kinds.len() == 1 => Ok(count),
        _ => Err(format!("wanted nothing but \"{wanted}\" for {target}, found {kinds:?}")),
    }
}

#[test]
fn every_object_is_of_its_target() {
    let (path, target) = match (std::env::var("TYMPAN_ARCHIVE"), std::env::var("TYMPAN_TARGET")) {
        (Ok(path), Ok(target)) => (path.into(), target),
        _ if cfg!(all(target_os = "linux", target_arch = "x86_64")) => {
            (tools::library(Link::Static), "x86_64-unknown-linux-gnu".to_owned())
        }
        _ => return println!("not run: name a library by TYMPAN_ARCHIVE and TYMPAN_TARGET"),
    };
    let archive = std::fs::read(&path).unwrap();
    let count = strangers(&archive, &target).unwrap();
    println!("{}: {count} objects, all for {target}", path.display());
    assert!(count > 10, "that is no library of ours");
}

fn archive_of(members: &[&[u8]]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for member in members {
        let size = member.len();
        archive.extend(format!("{:<48}{size:<10}`\n", "member.o/").into_bytes());
        archive.extend_from_slice(member);
        archive.resize(archive.len() + size % 2, b'\n');
    }
    archive
}

fn macho(command: u32, platform: u32) -> Vec<u8> {
    let words = [0xfeed_facf, 0x100_000c, 0, 1, 1, 16, 0, 0, command, 16, platform, 0];
    words.iter().flat_map(|w: &u32| w.to_le_bytes()).collect()
}

#[test]
fn an_object_of_another_machine_is_noticed() {
    let elf = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9], &[1, 0, 62, 0], &[0; 45]].concat();
    let (phone, old, simulator, mac) =
        (macho(0x32, 2), macho(0x25, 0), macho(0x32, 7), macho(0x32, 1));
    let ios = "aarch64-apple-ios";
    assert_eq!(strangers(&archive_of(&[&phone, b"text", &old]), ios), Ok(2));
    for stranger in [&elf, &simulator, &mac, &macho(0x19, 2)] {
        let archive = archive_of(&[&phone, stranger, &phone]);
        assert!(strangers(&archive, ios).is_err(), "{:?}", kind(stranger));
    }
    assert!(strangers(&archive_of(&[]), ios).is_err());
    assert_eq!(strangers(&archive_of(&[&simulator]), "aarch64-apple-ios-sim"), Ok(1));
    assert_eq!(strangers(&archive_of(&[&mac]), "aarch64-apple-darwin"), Ok(1));
}
