//! Finds the runtime of `RealtimeSanitizer` in the toolchain that builds this: a library in C
//! that takes over what may wait, and needs nothing of the compiler.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(has_rtsan)");
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(runtime) = runtime() {
        println!("cargo::rustc-cfg=has_rtsan");
        println!("cargo::rustc-link-arg-bin=sanitizer={}", runtime.display());
    }
}

fn runtime() -> Option<PathBuf> {
    let target = std::env::var("TARGET").ok()?;
    if !target.contains("linux") {
        return None;
    }
    let rustc = std::env::var_os("RUSTC")?;
    let asked = ["--print", "target-libdir", "--target", &target];
    let said = Command::new(rustc).args(asked).output().ok()?;
    let folder = PathBuf::from(String::from_utf8(said.stdout).ok()?.trim());
    let mut files = folder.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(|path| path.to_string_lossy().ends_with("_rt.rtsan.a"))
}
