//! A program from its start to its end, and what it cost.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

/// What a whole process took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Of the CPU, in user mode and in the system's, all threads.
    pub(crate) seconds: f64,
    /// At most at once. At least what this process had when it started the other.
    pub(crate) kib: u64,
}

/// Runs a program. What it complains of goes to a file in `folder`, because a pipe that
/// nobody reads would stop it.
pub(crate) fn run(command: &mut Command, folder: &Path) -> Result<Cost, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let said = folder.join("said");
    let stderr = File::create(&said).map_err(|error| format!("{}: {error}", said.display()))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    let child = command.spawn().map_err(|error| format!("`{name}` does not start: {error}"))?;
    let (status, cost) = wait(child.id() as libc::pid_t);
    if status == 0 {
        return Ok(cost);
    }
    let said = fs::read_to_string(&said).unwrap_or_default();
    let last = said.trim_end().lines().last().unwrap_or("without a word");
    Err(format!("`{name}` fails: {last}"))
}

/// Waits for a child, and asks at the same time for what it used.
fn wait(child: libc::pid_t) -> (libc::c_int, Cost) {
    let mut status = 0;
    // SAFETY: a `rusage` is numbers, for which zeros are fine.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places are written by the call, and are what it writes.
    let waited = unsafe { libc::wait4(child, &raw mut status, 0, &raw mut used) };
    assert_eq!(waited, child, "nobody else waits for it");
    (status, cost(&used))
}

fn cost(used: &libc::rusage) -> Cost {
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    // Apple's systems count bytes.
    let unit = if cfg!(target_vendor = "apple") { 1024 } else { 1 };
    Cost {
        seconds: seconds(used.ru_utime) + seconds(used.ru_stime),
        kib: used.ru_maxrss as u64 / unit,
    }
}

/// The most memory that this process had: no figure of a child can be lower.
pub(crate) fn floor() -> u64 {
    // SAFETY: a `rusage` is numbers, for which zeros are fine.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the place is written by the call, and is what it writes.
    let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut used) };
    if status == 0 { cost(&used).kib } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_and_failures_of_others_are_told() {
        let folder = std::env::temp_dir();
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let idle = run(&mut shell("exit 0"), &folder).unwrap();
        let count = "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done";
        let busy = run(&mut shell(count), &folder).unwrap();
        assert!(busy.seconds > idle.seconds, "{busy:?} {idle:?}");
        // What a child of it does counts too.
        let child = run(&mut shell(&format!("sh -c '{count}'; true")), &folder).unwrap();
        assert!(child.seconds > idle.seconds, "{child:?} {idle:?}");
        let why = run(&mut shell("echo no such file >&2; exit 3"), &folder).unwrap_err();
        assert_eq!(why, "`sh` fails: no such file");
        assert!(run(&mut Command::new("/no/such/program"), &folder).is_err());
    }
}
