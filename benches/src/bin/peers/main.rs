//! Our chain and programs of others on the same files: whole processes, in turns, as ratios
//! of CPU time.
//!
//! ```text
//! peers --plain FOLDER --tuned FOLDER --server FOLDER --apm PROGRAM [--turns N]
//!       [--seconds N] [--write FILE]
//! ```
//!
//! `./x peers` builds what this needs and calls it. Fails if a goal is missed.

mod bare;
mod machine;
mod process;
mod report;
mod rounds;
mod runners;
mod sound;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use report::{Contest, Row, Verdict};
use rounds::Rounds;
use runners::Programs;

/// How it was asked for.
struct Asked {
    programs: Programs,
    turns: usize,
    seconds: usize,
    write: Option<PathBuf>,
}

/// A start takes milliseconds, and what else goes on takes as much: so many more turns.
const STARTS: usize = 15;

/// A fifth of the work, where a gate is shut three quarters of the time.
const GATED: Option<f64> = Some(0.2);

/// At most, in MiB, for `tympan run` over five minutes.
const MEMORY: f64 = 12.0;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["sound", folder, seconds] => seconds
            .parse()
            .map_err(|_| "no number of seconds".to_owned())
            .and_then(|seconds| sound::make(Path::new(folder), seconds))
            .map(|()| true),
        ["bare", from, to] => bare::run(Path::new(from), Path::new(to)).map(|()| true),
        _ => asked(&words).and_then(compare),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("peers: {why}");
            ExitCode::FAILURE
        }
    }
}

fn asked(words: &[&str]) -> Result<Asked, String> {
    let usage = "usage: peers --plain FOLDER --tuned FOLDER --server FOLDER --apm PROGRAM \
                 [--turns N] [--seconds N] [--write FILE]";
    let (pairs, []) = words.as_chunks::<2>() else { return Err(usage.to_owned()) };
    let known = ["--plain", "--tuned", "--server", "--apm", "--turns", "--seconds", "--write"];
    if let Some([word, _]) = pairs.iter().find(|[word, _]| !known.contains(word)) {
        return Err(format!("`{word}` means nothing here; {usage}"));
    }
    let value = |word: &str| pairs.iter().rev().find(|[w, _]| *w == word).map(|[_, v]| *v);
    let path = |word| value(word).map(PathBuf::from).ok_or_else(|| usage.to_owned());
    let number = |word, usual| match value(word) {
        None => Ok(usual),
        Some(text) => text.parse().ok().filter(|n| *n > 0).ok_or(format!("{word} is a number")),
    };
    Ok(Asked {
        programs: Programs {
            plain: path("--plain")?,
            tuned: path("--tuned")?,
            server: path("--server")?,
            apm: path("--apm")?,
            model: std::env::var_os("TYMPAN_RNNOISE_MODEL").map(PathBuf::from),
        },
        turns: number("--turns", 7)?,
        seconds: number("--seconds", 300)?,
        write: value("--write").map(PathBuf::from),
    })
}

/// Everything in turns; whether all goals were met.
fn compare(mut asked: Asked) -> Result<bool, String> {
    let folder = std::env::temp_dir().join(format!("tympan-peers-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let outcome = contests(&mut asked, &folder);
    // It is in the folder of what is temporary.
    let _ = fs::remove_dir_all(&folder);
    let contests = outcome?;
    let text = report::text(&contests, asked.seconds, asked.programs.model.is_some());
    print!("{text}");
    if let Some(path) = &asked.write {
        fs::write(path, &text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let missed: Vec<_> = contests.iter().flat_map(Contest::missed).collect();
    for row in &missed {
        eprintln!("missed: {row}");
    }
    Ok(missed.is_empty())
}

fn contests(asked: &mut Asked, folder: &Path) -> Result<Vec<Contest>, String> {
    asked.programs.install(folder)?;
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut sounds = Command::new(me);
    sounds.arg("sound").arg(folder).arg(asked.seconds.to_string());
    process::run(&mut sounds, folder)?;
    runners::write_graphs(folder)?;
    Ok(vec![speech(asked, folder)?, duty(asked, folder)?, start(asked, folder)?])
}

/// Speech in noise, nothing left out.
fn speech(asked: &Asked, folder: &Path) -> Result<Contest, String> {
    let runners = asked.programs.speech(folder, asked.seconds as f64);
    let rounds = rounds::run(&runners, asked.turns, folder)?;
    let row = |what, ours, theirs, goal| Row::ratio(&rounds, what, ours, theirs, goal);
    let mut rows = vec![
        row("plain build, GStreamer", "tympan", "GStreamer", Some(0.75)),
        row("tuned build, GStreamer", "tympan, tuned", "GStreamer", Some(0.62)),
        row("plain build, ffmpeg with `afftdn`", "tympan", "ffmpeg, afftdn", None),
        row("tuned build, ffmpeg with `afftdn`", "tympan, tuned", "ffmpeg, afftdn", None),
        row("plain build, sonora's APM and libopus", "tympan", "sonora APM", None),
        row("plain build, the kernels called directly", "tympan", "kernels", None),
        row(
            "tuned build, the kernels called directly, tuned",
            "tympan, tuned",
            "kernels, tuned",
            None,
        ),
    ];
    if asked.programs.model.is_some() {
        let theirs = "ffmpeg, arnndn";
        rows.push(row(
            "RNNoise, plain build, ffmpeg with `arnndn`",
            "tympan, denoise",
            theirs,
            Some(0.65),
        ));
        let ours = "tympan, denoise, tuned";
        rows.push(row("RNNoise, tuned build, ffmpeg with `arnndn`", ours, theirs, Some(0.65)));
    } else {
        rows.push(Row::left_out(
            "RNNoise, ffmpeg with `arnndn`",
            "TYMPAN_RNNOISE_MODEL names no model file",
        ));
    }
    rows.push(memory(&rounds));
    Ok(Contest::new("Speech in noise, everything encoded", &rounds, &runners, asked.seconds, rows))
}

/// What `tympan run` has in memory at most.
fn memory(rounds: &Rounds) -> Row {
    let floor = process::floor();
    let mib = rounds.kib("tympan") as f64 / 1024.0;
    Row {
        what: format!(
            "peak memory of `tympan run`, MiB (nothing below {:.1} can be seen from here)",
            floor as f64 / 1024.0
        ),
        figure: format!("{mib:.1}"),
        verdict: Verdict::of(mib, Some(MEMORY)),
    }
}

/// Speech a quarter of the time: our gate is on, others have none.
fn duty(asked: &Asked, folder: &Path) -> Result<Contest, String> {
    let runners = asked.programs.duty(folder, asked.seconds as f64);
    let rounds = rounds::run(&runners, asked.turns, folder)?;
    let row = |what, ours, theirs, goal| Row::ratio(&rounds, what, ours, theirs, goal);
    let rows = vec![
        row("plain build, gate on, GStreamer", "tympan, gate", "GStreamer", GATED),
        row("tuned build, gate on, GStreamer", "tympan, gate, tuned", "GStreamer", GATED),
        row("plain build, gate by energy, GStreamer", "tympan, gate by energy", "GStreamer", GATED),
        row(
            "tuned build, gate by energy, GStreamer",
            "tympan, gate by energy, tuned",
            "GStreamer",
            GATED,
        ),
        row("plain build, gate on against off", "tympan, gate", "tympan", None),
    ];
    Ok(Contest::new("Speech a quarter of the time", &rounds, &runners, asked.seconds, rows))
}

/// 20 ms: a start, a packet or two, an end.
fn start(asked: &Asked, folder: &Path) -> Result<Contest, String> {
    let runners = asked.programs.start(folder);
    let rounds = rounds::run(&runners, asked.turns * STARTS, folder)?;
    let row = |what, ours, theirs, goal| Row::ratio(&rounds, what, ours, theirs, goal);
    let rows = vec![
        row("plain build, opusenc", "tympan", "opusenc", Some(1.0)),
        row("tuned build, opusenc", "tympan, tuned", "opusenc", Some(1.0)),
        row("without microphones, opusenc", "tympan, server", "opusenc", Some(1.0)),
        row("plain build, GStreamer", "tympan", "GStreamer", None),
        row("plain build, ffmpeg with `afftdn`", "tympan", "ffmpeg, afftdn", None),
    ];
    Ok(Contest::new("Start-up: a file of 20 ms", &rounds, &runners, 0, rows))
}
