//! Compilers and libraries that the tests use.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How a program gets at the library.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Link {
    Static,
    Shared,
}

pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub(crate) fn header() -> String {
    std::fs::read_to_string(here().join("include/tympan.h")).unwrap()
}

/// A file beside this test's own program: that is where cargo puts the library it has
/// built for it. The newest, because old ones stay.
pub(crate) fn library(link: Link) -> PathBuf {
    let (prefix, suffix) = match link {
        Link::Static => ("libtympan_c", ".a"),
        Link::Shared => (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX),
    };
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let ours = files.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(prefix) && name.contains("tympan_c") && name.ends_with(suffix)
    });
    ours.max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .unwrap_or_else(|| panic!("no {link:?} library of tympan-c in {}", folder.display()))
}

/// Where a program of this name is put.
pub(crate) fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

pub(crate) fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok_and(|o| o.status.success());
    if !found {
        println!("not run: {tool} is not here");
    }
    found
}

/// Compiles a program of this folder and links it.
pub(crate) fn build(compiler: &[&str], source: &str, link: Link, name: &str) -> PathBuf {
    let program = scratch(name);
    let library = library(link);
    let mut command = Command::new(compiler[0]);
    command.args(&compiler[1..]).args(["-O1", "-Wall", "-Wextra", "-Werror", "-pedantic"]);
    command.arg("-I").arg(here().join("include"));
    command.arg("-o").arg(&program).arg(here().join("tests/abi").join(source));
    // A language that was named is for what is ours.
    command.args(["-x", "none"]).arg(&library);
    match link {
        Link::Static if cfg!(target_os = "linux") => {
            command.args(["-lpthread", "-ldl", "-lm", "-lrt"]);
            // Built together with the microphones of the workspace, it has them too.
            let alsa = Command::new("pkg-config").args(["--libs", "alsa"]).output();
            if let Some(alsa) = alsa.ok().filter(|alsa| alsa.status.success()) {
                command.arg("-Wl,--as-needed");
                command.args(String::from_utf8_lossy(&alsa.stdout).split_whitespace());
            }
        }
        Link::Static => {
            command.args(["-liconv", "-lSystem", "-lm"]);
        }
        Link::Shared => {
            let folder = library.parent().unwrap().display().to_string();
            command.arg(format!("-Wl,-rpath,{folder}"));
        }
    }
    let output = command.output().unwrap_or_else(|e| panic!("no {}: {e}", compiler[0]));
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    program
}

pub(crate) const C99: &[&str] = &["cc", "-std=c99"];
pub(crate) const CXX: &[&str] = &["c++", "-std=c++11", "-x", "c++"];

/// The stdout of a program that has to succeed.
pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {status}\n{}", String::from_utf8_lossy(&stderr));
    stdout
}

/// The same, watched by valgrind: no error, no leak.
pub(crate) fn watched(program: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("valgrind");
    command.args([
        "-q",
        "--error-exitcode=9",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite",
    ]);
    run(command.arg(program).args(arguments))
}
