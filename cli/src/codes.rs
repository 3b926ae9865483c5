//! What every code means: the one table of causes. `tympan explain` prints it, and a test
//! compares it with the codes that are in the sources.

/// A cause that has a code.
pub(crate) struct Code {
    pub(crate) id: &'static str,
    /// What is wrong, in one line.
    pub(crate) title: &'static str,
    /// Why that is an error, and what to do.
    pub(crate) text: &'static str,
}

const fn code(id: &'static str, title: &'static str, text: &'static str) -> Code {
    Code { id, title, text }
}

/// The cause of this code.
pub(crate) fn find(id: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[rustfmt::skip]
pub(crate) const CODES: &[Code] = &[
    code("T0101", "the file is not TOML",
        "A graph is written in TOML: `[[node]]` begins a node, `key = value` sets a key, texts \
         stand in quotes. The caret shows where reading stopped; often what is missing stands in \
         the line above it. `tympan schema` teaches an editor to see this while you type."),
    code("T0102", "a key that nobody knows",
        "Keys are known or refused, so that a typo never passes for a setting. The nearest known \
         key is shown; `tympan inspect KIND` lists all keys of a kind. Upper and lower case count."),
    code("T0103", "a key that must be there is missing",
        "Every `[[node]]` says its `kind`; every `[[output]]` and `[[source]]` its `name`."),
    code("T0104", "a value of the wrong sort",
        "A name stands in quotes, a number does not, and `[[node]]` has two pairs of brackets, \
         because there may be many."),
    code("T0105", "a value out of its range",
        "Each key says what it takes, with its unit: `tympan inspect KIND`. Times are written \
         like \"20ms\", \"1.5s\" or \"2min\"."),
    code("T0106", "a kind that nobody knows",
        "`tympan nodes` lists the kinds. One that is missing there may need a feature of the \
         crate; one of your own is added with `registry().add::<Mine>()`."),
    code("T0107", "the graph cannot be read",
        "The path is wrong, or names a folder, or the file may not be read, or is no text, or is \
         larger than any graph. The sentence says which."),
    code("T0201", "`from` names a node that is not there",
        "A name is the node's `id`, or its `kind` where it has no `id`. Sources are named too: a \
         graph that names none has `mic`."),
    code("T0202", "`from` names a port that the kind does not have",
        "`tympan inspect KIND` lists the ports. A kind with one port needs none: `from = \"mix\"`."),
    code("T0203", "an input that nobody feeds",
        "A node takes what the node above puts out, for its first audio port only. Each further \
         port is named: `from = { in = \"clean\", voice = \"vad\" }`."),
    code("T0204", "an input that is fed twice",
        "A port has one wire. To bring two signals together, a node with two ports is needed."),
    code("T0205", "a name that is given twice",
        "Names are how wires are written and how an app asks for outputs, so each is one. Two \
         nodes of a kind need an `id` each."),
    code("T0206", "a key without a default was left out",
        "What a sensible default would be depends on the app, so this kind has none."),
    code("T0207", "a wire joins what does not fit",
        "Samples, values, packets and events are different things. An encoder's packets end at \
         an output; events go to whoever listens to events, and to no output."),
    code("T0208", "nobody takes what a node puts out",
        "It would cost time and memory for nothing. Take it out, or add an `[[output]]` for it."),
    code("T0209", "the graph puts nothing out",
        "A graph needs an `[[output]]`, or a node that reports events."),
    code("T0210", "too many nodes, sources or outputs",
        "No app has that many; something wrote this graph that does not stop."),
    code("T0211", "a kind contradicts itself",
        "The description of a kind is wrong, not the graph. If it is a kind of tympan's, please \
         tell us."),
    code("T0301", "nodes that feed each other",
        "Signals flow one way, from sources to outputs; feedback is no part of tympan. Take out \
         one of the wires that are named."),
    code("T0401", "a source in a format that no device has",
        "Rates from 1 to 768 kHz and up to 64 channels are planned for."),
    code("T0402", "a channel that the device does not have",
        "`channel` of a `[[source]]` picks one, counted from 1. Without it all are taken, and \
         `mix` makes one of them."),
    code("T0403", "a node cannot take the format that comes in",
        "Put the named converters before it: `mix` for channels, `resample` for rates. They cost \
         nothing where there is nothing to convert."),
    code("T0404", "inputs with different rates",
        "A node works on one clock. Bring the others to it with `resample`."),
    code("T0405", "a value that does not go with the rest",
        "Each value is in its range, but not together, or not at this rate: a filter above half \
         the rate, for example."),
    code("T0406", "a kind refuses",
        "The kind itself says why. Libraries that it uses have limits of their own."),
    code("T0407", "a node joins gated with ungated signals",
        "What is behind a gate stands still while the gate is closed, and the rest does not. \
         Take both inputs from before the gate, or both from behind it."),
    code("T0408", "a gate behind a gate",
        "One gate per path is enough. Give the one what the other decides by."),
    code("T0409", "an output is pinned to a rate that does not come",
        "`rate` of an `[[output]]` promises a rate to the app, over changes of the device. Put \
         `resample` before it."),
    code("T0410", "a node would put out an impossible format",
        "Rates go up to 768 kHz, channels to 64."),
    code("T0411", "rates without a common clock",
        "Positions are exact, so all rates of a graph must divide a common one. Rates such as \
         44 100 and 48 000 do; take a rate that devices have."),
    code("T0412", "a node joins what is behind two gates",
        "They open at different times. Join the signals before the gates."),
    code("T0413", "the signal would be late beyond use",
        "Delays add up along a path. Shorten windows and histories."),
    code("T0501", "the graph would need too much memory",
        "All memory is planned before the first sample, and 64 MiB are the most. The node that \
         is named brings it over that: shorten its frames or its history."),
    code("T0601", "the graph does not fit the device that took over",
        "A headset brought another format, and outputs keep theirs. Give the output a fixed \
         format with `resample` and `mix`, so that any device fits."),
    code("T0701", "no such file or device",
        "Check the path, and from which folder you run this. `tympan devices` lists devices."),
    code("T0702", "it may not be used",
        "For a file: change its permissions, or run as its owner. For a microphone: the system \
         asks the user once; the answer can be changed in the system's settings."),
    code("T0703", "not audio that can be read",
        "WAV, AIFF, CAF, FLAC, MP3, AAC, ALAC, Vorbis and Opus, in their usual files, MP4, Ogg, \
         Matroska and WebM are read. What else there is becomes WAV with `ffmpeg -i FILE \
         out.wav`. A file that a kill left may be made whole by `tympan recover FILE`."),
    code("T0704", "it is in use",
        "It was started already, or it is at its end. A file is opened anew to be heard again."),
    code("T0705", "it failed",
        "What the system says is in the sentence: a disk that is full, a file that breaks off, a \
         device that went away. What was read up to there was used."),
    code("T0801", "a command line that makes no sense",
        "The sentence says which part. `tympan VERB --help` shows how a verb is used."),
    code("T0802", "what it was given is not usable so",
        "A graph without the output that was named, a script of a simulation with a mistake, a \
         text that cannot be read."),
    code("T0803", "something outside cannot be used",
        "A device, a file or a folder: the sentence says which, and the system's reason."),
    code("T0804", "broken off",
        "What came before is on the disk and complete."),
    code("T0805", "something was lost",
        "An output could not be written, or a take ended early. What was written before is safe; \
         `tympan recover` makes whole what is not."),
    code("T0811", "it exists already",
        "Nothing is overwritten unasked. Give another name, or say `--force`."),
    code("T0812", "that cannot go to standard output",
        "Several files cannot share one stream. `--out` takes a folder; one that is called `-` \
         is written `./-`."),
    code("T0813", "a folder cannot be used",
        "It is a file, or it may not be made or written. Give a folder of your own with `--out`."),
    code("T0814", "the output would be written over the input",
        "That would destroy what is being read. Give another folder with `--out`."),
    code("T0815", "an output whose name is no name of a file",
        "Files are named after the outputs of the graph. Letters, digits, `-` and `_` are safe \
         everywhere, and two names that differ in their case alone are one on many disks."),
    code("T0816", "the folder is no take",
        "A take is a folder with its audio and `take.json`. While it is written, or after a kill, \
         its name ends with `.open`; `tympan recover` completes it."),
    code("T0817", "the take is sealed",
        "Its audio is encrypted with a key of the app's. `tympan export FOLDER --key-file KEY` \
         makes a plain file of it."),
    code("T0818", "frames were dropped",
        "With `--realtime` nothing waits: a graph that cannot keep up loses frames, and they are \
         counted. Without it, a file waits and nothing is dropped. `tympan bench GRAPH` shows \
         what the graph costs here, and `tympan run GRAPH FILE --top` which node."),
    code("T0819", "standard output cannot be written",
        "A full disk, most often. A reader that went away, as in `| head`, is no error."),
    code("T0820", "standard input is the terminal",
        "`-` reads from a pipe or a file: `tympan run GRAPH - < talk.wav`."),
    code("T0822", "a code that nobody knows",
        "`tympan explain` without a code lists them all."),
];
