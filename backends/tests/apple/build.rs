//! Where GCC keeps its Objective-C runtime, and in which order things are linked.

use std::path::Path;
use std::process::Command;

fn main() {
    let asked = Command::new("gcc").arg("-print-file-name=libobjc.so").output().expect("gcc");
    let path = String::from_utf8(asked.stdout).expect("a path");
    let folder = Path::new(path.trim()).parent().expect("gobjc is installed");
    println!("cargo:rustc-link-search=native={}", folder.display());
    // Before GNUstep, whose own copy of the blocks runtime leaves on the stack what
    // `block2` wants copied.
    println!("cargo:rustc-link-lib=BlocksRuntime");
    // Its classes are looked up by name, which no linker sees.
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed,-lgnustep-base,--as-needed");
    // Names of newer systems are looked up in the program itself.
    println!("cargo:rustc-link-arg=-Wl,--export-dynamic-symbol=AVAudio*");
    println!("cargo:rerun-if-changed=build.rs");
}
