//! `tympan explain`: what a code means.

use tympan::GraphError;

use crate::codes::{self, CODES, Code};
use crate::exit::{Exit, Failure};
use crate::output::{Line, Output};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The code, as it stands in an error; all of them without it
    code: Option<String>,
}

const AFTER: &str = "\
A code stands for one cause, and never changes its meaning.

Examples:
  tympan explain T0102
  tympan explain";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    match &args.code {
        None => CODES.iter().for_each(|code| list(code, out)),
        Some(id) => {
            let id = id.trim_start_matches("error").trim_matches(['[', ']', ':']);
            let code = codes::find(id).ok_or_else(|| unknown(id))?;
            if out.is_json() {
                out.line(&line(code));
            } else {
                out.text(&format!("{}: {}\n\n{}", code.id, code.title, wrapped(code.text)));
            }
        }
    }
    Ok(Exit::Ok)
}

fn list(code: &Code, out: &mut Output) {
    if out.is_json() {
        out.line(&line(code));
    } else {
        out.text(&format!("{}  {}", code.id, code.title));
    }
}

fn line(code: &Code) -> Line {
    Line::new("code").with("code", code.id).with("title", code.title).with("text", code.text)
}

fn unknown(id: &str) -> Failure {
    let failure = Failure::new(Exit::Usage, format!("there is no code `{id}`")).code("T0822");
    match GraphError::nearest_of(id, CODES.iter().map(|code| code.id)) {
        Some(near) => failure.help(format!("did you mean `tympan explain {near}`?")),
        None => failure.help("`tympan explain` lists them all"),
    }
}

/// Lines of at most 80 columns.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > 80 {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out
}
