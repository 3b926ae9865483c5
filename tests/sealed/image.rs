//! A whole file system, searched byte by byte: nothing plain was ever on the disk.

use std::path::{Path, PathBuf};
use std::process::Command;

use tympan::take::{self, Container};

use crate::kit::{key, recorded};
use crate::needles::Needles;
use crate::temp::Temp;

/// An ext4 file system in a file, mounted while this lives.
struct Mounted(PathBuf);

fn runs(program: &str, args: &[&Path]) -> Result<(), String> {
    let out = Command::new(program).args(args).output();
    let out = out.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    if out.status.success() { Ok(()) } else { Err(format!("{program}: {said}")) }
}

impl Mounted {
    fn new(image: &Path, at: &Path) -> Result<Self, String> {
        let file = std::fs::File::create(image).map_err(|error| error.to_string())?;
        file.set_len(24 << 20).map_err(|error| error.to_string())?;
        std::fs::create_dir_all(at).map_err(|error| error.to_string())?;
        runs("mkfs.ext4", &["-q".as_ref(), image])?;
        runs("mount", &["-o".as_ref(), "loop".as_ref(), image, at])?;
        Ok(Self(at.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = runs("umount", &[&self.0]) {
            println!("{error}");
        }
    }
}

/// Records onto a file system of its own. Its bytes, and needles of what was recorded.
fn image(container: Container, seals: bool) -> Result<(Vec<u8>, Needles), String> {
    let scratch = Temp::new();
    let (image, at) = (scratch.path().join("image"), scratch.path().join("mounted"));
    let out = scratch.path().join(format!("out.{}", container.extension()));
    let mounted = Mounted::new(&image, &at)?;
    let take = recorded(&at.join("takes"), container, seals.then(key));
    if seals {
        take::export(&take.folder, &out, Some(&key())).unwrap();
    } else {
        std::fs::copy(take.path(), &out).unwrap();
    }
    drop(mounted);
    Ok((std::fs::read(image).unwrap(), Needles::of(&out)))
}

#[test]
fn the_raw_image_of_a_disk_holds_nothing_plain() {
    for container in Container::available() {
        let (disk, needles) = match image(container, true) {
            Ok(searched) => searched,
            Err(why) => {
                println!("NOT RUN: no file system can be mounted here: {why}");
                return;
            }
        };
        assert_eq!(needles.hits(&disk), 0, "{container:?}");
        println!("{container:?}: 0 of {} needles in {} bytes", needles.count(), disk.len());
    }
    let Ok((disk, needles)) = image(Container::Wav, false) else { return };
    let found = needles.hits(&disk);
    assert!(found > needles.count() / 3, "a control: {found} of {}", needles.count());
    println!("not sealed: {found} of {} needles", needles.count());
}
