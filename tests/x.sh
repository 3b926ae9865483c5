#!/bin/sh
# Tests of `x`: copies of it, run on invented machines by every shell at hand.
#
# A machine is a folder of commands, and PATH is that folder alone. Nothing real
# can be installed, and `x` cannot lean on a program that it does not admit to.
# Each invented command leaves a RAN line in the log that also takes what `x`
# says on stderr, so that the log shows what came first.
set -eu

x=$(cd -- "${0%/*}/.." && pwd)/x
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
trap 'exit 1' HUP INT TERM

# The blanks are there to be tripped over.
work="$box/a work space"
bin="$box/a machine"
log="$box/log"
out="$box/out"

# ---- Machines ---------------------------------------------------------------

# has NAME [BODY]: the machine has this command.
has() {
    {
        echo '#!/bin/sh'
        echo "${2:-}"
    } >"$bin/$1"
    chmod +x "$bin/$1"
}

# The same for a command that leaves its mark before it runs BODY.
logs() {
    has "$1" "echo \"RAN $1 \$*\" >>\"\$LOG\"
${2:-}"
}

lacks() {
    rm -f "$bin/$1"
}

# Where a program is. `command -v` would name some shells' builtins instead.
real() (
    IFS=:
    for folder in $PATH; do
        if [ -x "$folder/$1" ]; then
            echo "$folder/$1"
            return
        fi
    done
    echo "x.sh: there is no $1 here" >&2
    return 1
)

borrows() {
    for tool in "$@"; do
        ln -s "$(real "$tool")" "$bin/$tool"
    done
}

# A Linux machine with everything, and root at the keyboard.
machine() {
    rm -rf "$bin" "$box/tmp"
    mkdir "$bin" "$box/tmp"
    borrows cat env mkdir mktemp printf rm sed sh
    has uname 'echo Linux'
    has id 'echo 0'
    has cc
    has cmake
    has make
    has pkg-config
    # What cargo says to the faults that x plants.
    refused='E0308 std::sync::Mutex std::sync::RwLock std::time::Instant::now std::thread::sleep std::println'
    has_cargo 1.95.0
}

has_cargo() {
    has cargo "
case \$* in
    --version) echo 'cargo $1 (f2d3ce0bd 2026-03-21)'; exit ;;
    *' --version') exit ;;
esac
echo \"RAN \${RUSTDOCFLAGS:+RUSTDOCFLAGS=\$RUSTDOCFLAGS }\${TYMPAN_LONG:+TYMPAN_LONG=\$TYMPAN_LONG }\${TYMPAN_FAULTS:+TYMPAN_FAULTS=\$TYMPAN_FAULTS }\${TYMPAN_CALLBACKS:+TYMPAN_CALLBACKS=\$TYMPAN_CALLBACKS }cargo \$*\" >>\"\$LOG\"
case \$* in
    *planted*) echo '$refused'; exit 101 ;;
    *--config*licenses) echo 'licenses FAILED'; exit 4 ;;
    \"\${BREAKS:-nothing}\"*) exit 101 ;;
esac"
}

# The first `install` brings a compiler; what it prints must not reach stdout.
brings_cc() {
    cp=$(real cp)
    logs "$1" "
echo chatter
[ \"\${DEBIAN_FRONTEND-}\" != noninteractive ] || echo 'RAN without questions' >>\"\$LOG\"
case \$* in *install*|-S*--needed*) '$cp' '$box/cc' '$bin/cc' ;; esac"
}

without_cc() {
    machine
    lacks cc
}

as_user() {
    has id 'echo 1000'
}

with_sudo() {
    # shellcheck disable=SC2016
    logs sudo '"$@"'
}

on_macos() {
    has uname 'echo Darwin'
    # Apple's stub: it is there, and opens a dialog.
    logs cc 'exit 1'
    has xcode-select 'exit 2'
}

# ---- A workspace for x to work in -------------------------------------------

workspace() {
    rm -rf "$work"
    mkdir -p "$work/core" "$work/examples/custom-node" "$work/target/package" "$work/tests"
    cp "$x" "$work/x"
    cat >"$work/Cargo.toml" <<'END'
[workspace.package]
version = "0.1.0"
rust-version = "1.95"

[package]
name = "tympan"
rust-version.workspace = true

[features]
default = ["opus"]
# A comment = is no feature.
opus = [
    "dep:opus",
]
web-rtc2 = []

[dependencies]
not-a-feature = "1"
END
    echo 'allow = ["MIT", "Zlib"]' >"$work/deny.toml"
    echo '[package]' >"$work/core/Cargo.toml"
    echo '[package]' >"$work/examples/custom-node/Cargo.toml"
    echo '[package]' >"$work/target/package/Cargo.toml"
    # shellcheck disable=SC2016
    echo 'echo "RAN tests/x.sh, inside: $TYMPAN_TESTS_X" >>"$LOG"' >"$work/tests/x.sh"
}

# run [NAME=VALUE...] -- ARGUMENTS: x on the machine, called from somewhere else.
run() {
    settings=''
    : >"$log"
    until [ "$1" = -- ]; do
        settings="$settings $1"
        shift
    done
    shift
    status=0
    # Split on purpose: no setting here holds a blank.
    # shellcheck disable=SC2086
    (
        cd /
        exec env -i PATH="$bin" LOG="$log" TMPDIR="$box/tmp" TERM=xterm $settings \
            "$shell" $applet "$work/x" "$@" </dev/null >"$out" 2>>"$log"
    ) || status=$?
}

# ---- Assertions -------------------------------------------------------------
# An assertion that does not hold adds to `wrong`; the test then counts as failed.

wrong=''

wrong() {
    wrong="$wrong
    $*"
}

ended() {
    [ "$status" -eq "$1" ] || wrong "ended with $status, not $1"
}

# The log holds exactly these lines.
log_is() {
    [ "$(cat "$log")" = "$1" ] || wrong "the log is not: $1"
}

# said TEXT, in the log; printed TEXT, on stdout.
said() {
    grep -qF -e "$1" "$log" || wrong "never said: $1"
}

printed() {
    grep -qF -e "$1" "$out" || wrong "never printed: $1"
}

# ran COMMAND, with exactly these arguments.
ran() {
    grep -qxF -e "RAN $1" "$log" || wrong "never ran: $1"
}

never() {
    if grep -qF -e "$1" "$log" "$out"; then wrong "was not to be seen: $1"; fi
}

# in_order LINE LINE...: each appears, later than the one before.
in_order() {
    before=0
    for text in "$@"; do
        at=$(grep -nF -e "$text" "$log" | sed -n 's/:.*//;p;q')
        [ "${at:-0}" -gt "$before" ] || wrong "not there, or too early: $text"
        before=${at:-0}
    done
}

# ---- Tests: a machine with everything ---------------------------------------

demo="RAN cargo run --release --quiet -p tympan-cli -- demo"

a_ready_machine_installs_nothing_and_says_nothing() {
    machine
    brings_cc apt-get
    with_sudo
    run -- demo --json 'two  blanks'
    ended 0
    log_is "$demo --json two  blanks"
}

a_ready_mac_too() {
    machine
    on_macos
    has xcode-select
    has cc
    run -- demo
    ended 0
    log_is "$demo"
}

scratch_is_cleared_away() {
    machine
    run -- demo
    [ -z "$(ls -A "$box/tmp")" ] || wrong "left behind: $(ls -A "$box/tmp")"
}

test_runs_every_step_and_tells_what_it_left_out() {
    machine
    brings_cc apt-get
    run -- test
    ended 0
    in_order 'x: format' 'RAN cargo fmt --all -- --check' \
        'RAN cargo clippy --workspace --all-targets --all-features -- -D warnings' \
        'RAN RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --all-features' \
        'RAN cargo test --workspace --all-features' \
        'RAN tests/x.sh, inside: 1'
    never 'RAN apt-get'
    printed 'x: ran: format, clippy, planted waits, docs, tests, realtime in release, tests of x'
    printed 'x: not run: tests on shared recordings: they are not here; TYMPAN_AUDIO can name their folder'
    printed 'x: not run: live capture: there is no pulseaudio; this installs it: ./x live'
    printed 'x: not run: long forms'
}

headers_of_alsa_are_a_need_of_linux() {
    machine
    has pkg-config "case \$* in *alsa*) [ -e '$bin/alsa' ] ;; esac"
    cp=$(real cp)
    logs apt-get "case \$* in *install*) '$cp' '$box/cc' '$bin/alsa' ;; esac"
    run -- demo
    ended 0
    in_order 'missing: alsa (opens microphones)' \
        'RAN apt-get install -y pkg-config libasound2-dev' "$demo"
}

live_brings_the_sound_server_and_wants_it() {
    machine
    cp=$(real cp)
    logs apt-get "case \$* in *install*) '$cp' '$box/cc' '$bin/pulseaudio' ;; esac"
    run -- live
    ended 0
    in_order 'RAN apt-get install -y pulseaudio pulseaudio-utils libasound2-plugins' \
        'RAN TYMPAN_LONG=1 cargo test --workspace --all-features --test live -- --nocapture'
    on_macos
    has xcode-select
    has cc
    run -- live
    ended 4
    said 'runs on Linux only'
}

what_is_there_is_not_called_left_out() {
    machine
    run TYMPAN_AUDIO=/ TYMPAN_LONG=1 TYMPAN_TESTS_X=1 -- test
    ended 0
    never 'tests on shared recordings'
    never 'long forms'
    never 'RAN tests/x.sh'
    printed 'x: not run: tests of x'
}

the_first_failure_ends_it_by_name() {
    machine
    run BREAKS=clippy -- test
    ended 1
    said 'x: clippy failed. To run it alone: cargo clippy --workspace'
    never 'RAN cargo test'
    never 'x: ran:'
    run BREAKS=test -- test
    ended 1
    said 'x: tests failed'
}

a_pipe_gets_no_colours() {
    machine
    run -- check
    never "$(printf '\033')"
}

# ---- Tests: something is missing --------------------------------------------

apt_is_announced_then_run() {
    without_cc
    brings_cc apt-get
    run -- demo
    ended 0
    in_order 'x: missing: cc (links every Rust binary)' \
        'x: to be installed with apt-get:' \
        '       apt-get update' \
        '       env DEBIAN_FRONTEND=noninteractive apt-get install -y gcc libc6-dev' \
        'RAN apt-get update' \
        'RAN apt-get install -y gcc libc6-dev' \
        'RAN without questions' \
        "$demo"
    [ ! -s "$out" ] || wrong "on stdout: $(cat "$out")"
}

a_user_installs_through_sudo() {
    without_cc
    as_user
    with_sudo
    brings_cc apt-get
    run -- demo
    ended 0
    in_order '       sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y gcc libc6-dev' \
        'RAN sudo apt-get update' \
        'RAN sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y gcc libc6-dev' \
        'RAN without questions' \
        "$demo"
}

root_needs_no_sudo() {
    without_cc
    with_sudo
    brings_cc dnf
    run -- demo
    ended 0
    in_order '       dnf install -y gcc' 'RAN dnf install -y gcc' "$demo"
    never sudo
}

pacman_installs_without_upgrading() {
    without_cc
    brings_cc pacman
    run -- demo
    ended 0
    in_order '       pacman -S --needed --noconfirm gcc' 'RAN pacman -S --needed --noconfirm gcc' "$demo"
    never Syu
}

pacman_without_lists_fetches_them() {
    without_cc
    brings_cc pacman
    # shellcheck disable=SC2016
    echo '[ "$1" != -Si ]' >>"$bin/pacman"
    run -- demo
    ended 0
    in_order '       pacman -Syu --needed --noconfirm gcc' 'RAN pacman -Syu --needed --noconfirm gcc' "$demo"
}

a_compiler_that_links_nothing_is_missing_too() {
    machine
    has cc 'exit 1'
    brings_cc apt-get
    run -- demo
    ended 0
    in_order 'RAN apt-get install' "$demo"
}

no_known_manager_lists_and_stops() {
    without_cc
    run -- demo
    ended 4
    said 'x: missing: cc (links every Rust binary)'
    said 'neither apt-get, dnf, pacman nor brew is here'
    never RAN
}

a_user_without_sudo_gets_the_command() {
    without_cc
    as_user
    brings_cc apt-get
    run -- demo
    ended 4
    said 'Please run as root'
    said '       apt-get update'
    said '       env DEBIAN_FRONTEND=noninteractive apt-get install -y gcc libc6-dev'
    never RAN
}

a_mac_is_asked_and_its_stub_not_touched() {
    machine
    on_macos
    run -- demo
    ended 4
    said 'xcode-select --install'
    never RAN
}

a_failing_manager_stops() {
    without_cc
    logs apt-get 'exit 100'
    run -- demo
    ended 4
    said 'x: this failed: apt-get update'
    never 'RAN cargo'
}

an_install_that_does_not_help_stops() {
    without_cc
    logs apt-get
    run -- demo
    ended 4
    said 'x: installed, and still missing: cc'
    never 'RAN cargo'
}

# The table takes a new need as one line, and asks for it where it is wanted.
a_row_is_all_a_new_need_takes() {
    machine
    on_macos
    has xcode-select
    has cc
    sed "s/^needs() {/&\\
    row 'test' sox 'judges recordings' 'sox' 'sox' 'sox' 'sox'/" "$x" >"$work/x"
    run -- demo
    ended 0
    log_is "$demo"
    run -- test
    ended 4
    said 'x: missing: sox (judges recordings)'
    said 'nor brew is here'
    as_user
    logs brew "ln -s cc '$bin/sox'"
    borrows ln
    run -- test
    ended 0
    in_order '       brew install sox' 'RAN brew install sox' 'RAN cargo test'
    cp "$x" "$work/x"
}

# ---- Tests: Rust ------------------------------------------------------------

no_cargo_is_told_where_to_get_it() {
    machine
    lacks cargo
    run -- test
    ended 4
    said https://rustup.rs
}

an_old_cargo_stops() {
    for version in 1.94.9 1.9.0 0.99.0; do
        machine
        has_cargo "$version"
        run -- test
        ended 4
        said "x: cargo is $version, and this workspace needs 1.95 or newer"
        never RAN
    done
}

a_new_cargo_does_not() {
    for version in 1.95.0 1.95.1-nightly 1.100.0 2.0.0; do
        machine
        has_cargo "$version"
        run -- demo
        ended 0
    done
}

a_mute_cargo_stops() {
    machine
    has cargo 'exit 1'
    run -- demo
    ended 4
    said 'tells no version'
}

missing_clippy_is_named() {
    machine
    # shellcheck disable=SC2016
    sed '1a\
[ "$1" != clippy ] || exit 1' "$bin/cargo" >"$box/cargo"
    cat "$box/cargo" >"$bin/cargo"
    run -- test
    ended 4
    said 'rustup component add clippy'
    never RAN
}

# ---- Tests: the other verbs -------------------------------------------------

help_lists_every_verb() {
    machine
    run --
    ended 0
    listed=$(sed -n 's/^  \.\/x \([a-z]*\).*/\1/p' "$out" | sort -u)
    defined=$(sed -n 's/^verb_\([a-z]*\)().*/\1/p' "$x" | sort -u)
    [ "$listed" = "$defined" ] || wrong "help lists: $listed; x has: $defined"
    never RAN
}

an_unknown_verb_gets_the_nearest() {
    machine
    run -- tests
    ended 2
    said 'x: "tests" is no verb. Did you mean test?'
    run -- '* "'
    ended 2
    said 'is no verb. ./x help'
    never RAN
}

a_stray_argument_is_refused() {
    machine
    run -- test --fast
    ended 2
    said '"--fast" means nothing here. Usage: ./x test'
    run -- check --al
    ended 2
    said 'Usage: ./x check [--all | --cross]'
    never RAN
}

arguments_reach_cargo() {
    machine
    run -- bench gate -- --quick
    ended 0
    ran 'cargo bench -p tympan-benches --no-fail-fast gate -- --quick'
    run -- long soak
    ended 0
    ran 'TYMPAN_LONG=1 cargo test --release --workspace --all-features soak -- --nocapture'
    run -- clean
    ended 0
    log_is 'RAN cargo clean'
}

counts='cargo bench --quiet -p tympan-benches --bench instructions --'

instructions_are_judged_or_counted_anew() {
    machine
    as_user
    logs apt-get
    run -- bench instructions
    ended 4
    said 'x: missing: valgrind (counts instructions)'
    has valgrind
    run -- bench instructions
    ended 0
    ran "$counts judge"
    run -- bench instructions write
    ended 0
    ran "$counts write"
    run -- bench instructions wrote
    ended 2
    said 'Usage: ./x bench instructions [write]'
    run BREAKS=bench -- bench instructions
    ended 1
    on_macos
    run -- bench instructions
    ended 4
    never 'RAN cargo'
}

peers_are_built_plain_and_tuned_and_run_in_turns() {
    machine
    has clang
    has ffmpeg
    has opusinfo
    as_user
    logs apt-get
    run -- peers
    ended 4
    said 'x: missing: gstreamer (is a peer)'
    said 'install -y gstreamer1.0-tools'
    never 'RAN cargo'
    has gst-inspect-1.0
    mkdir=$(real mkdir)
    "$mkdir" -p "$work/target/release"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho "RAN peers $*" >>"$LOG"\n' >"$work/target/release/peers"
    chmod +x "$work/target/release/peers"
    run -- peers --turns 3
    ended 0
    in_order 'x: plain build' \
        'RAN cargo build --release --quiet -p tympan-cli -p tympan-benches --bin tympan --bin peers' \
        'x: tuned build' "x: sonora's APM" \
        'RAN cargo build --release --quiet --manifest-path benches/peers/Cargo.toml' \
        'RAN peers --plain'
    said '--write BENCHMARKS.md --turns 3'
    rm -r "$work/target"
}

judges='TYMPAN_LONG=1 cargo test --release -p tympan --all-features --test judges -- --nocapture'

with_judges() {
    machine
    for judge in AtomicParsley ffmpeg flac mediainfo oggz-validate opusinfo sndfile-info soxi; do
        has "$judge"
    done
}

judges_are_asked_for_by_name() {
    with_judges
    lacks soxi
    has python3 'echo /new/ffmpeg'
    has id 'echo 1000'
    logs apt-get
    run -- judges
    ended 4
    said 'x: missing: soxi (judges WAV and FLAC)'
    said 'install -y sox'
    never 'RAN cargo'
    has soxi
    run -- judges
    ended 0
    ran "$judges"
    never 'x: to be installed'
}

a_new_ffmpeg_comes_from_python() {
    with_judges
    cp=$(real cp)
    mkdir=$(real mkdir)
    logs python3 "
case \$* in
    *imageio*) exit 1 ;;
    *'-m venv'*) '$mkdir' -p target/judges/bin; '$cp' '$bin/pip' '$bin/python' target/judges/bin ;;
esac"
    logs pip 'echo chatter'
    logs python 'echo /new/ffmpeg'
    run -- judges
    ended 0
    in_order 'x: to be installed in target/judges, from PyPI: imageio-ffmpeg' \
        'RAN python3 -m venv target/judges' 'RAN pip install --quiet imageio-ffmpeg' "RAN $judges"
    [ -z "$(sed -n '/chatter/p' "$out")" ] || wrong "on stdout: $(cat "$out")"
    logs pip 'exit 1'
    run -- judges
    ended 4
    said 'Name an ffmpeg of 7 or newer in TYMPAN_FFMPEG'
    run TYMPAN_FFMPEG=/mine -- judges
    ended 0
    ran "$judges"
    rm -r "$work/target/judges"
}

mutants='cargo test --quiet -p tympan-backends --test mutants -- --ignored --nocapture'

mutants_are_all_or_those_with_a_word() {
    machine
    run -- mutants
    ended 0
    log_is "x: mutants
RAN $mutants"
    run -- mutants watch.rs
    ended 0
    ran "TYMPAN_FAULTS=watch.rs $mutants"
    run -- mutants two words
    ended 2
    said 'Usage: ./x mutants [WORD]'
    run BREAKS=test -- mutants
    ended 1
    said 'x: mutants failed'
}

core='cargo mutants --package tympan-core --output'

changes_to_core_are_all_or_those_of_a_file() {
    machine
    mkdir "$work/core/src"
    : >"$work/core/src/lib.rs"
    : >"$work/core/src/tape.rs"
    run -- mutants core
    ended 0
    ran "$core $work/target --file core/src/**"
    run -- mutants core tape.rs
    ended 0
    ran "$core $work/target --file core/src/tape.rs"
    run -- mutants core tap.rs
    ended 2
    said 'Usage: ./x mutants core [FILE]'
    run BREAKS=mutants -- mutants core
    ended 1
    said 'x: changes to core failed'
    # Without the subcommand.
    has cargo 'case $* in --version) echo "cargo 1.95.0 (f2d3ce0bd 2026-03-21)" ;; *) exit 101 ;; esac'
    run -- mutants core
    ended 4
    said 'cargo install cargo-mutants'
}

realtime='cargo test --release -p tympan-realtime --all-features -- --nocapture --test-threads 1'

realtime_is_short_or_long() {
    machine
    run -- realtime
    ended 0
    ran "TYMPAN_CALLBACKS=100000 $realtime"
    printed 'x: ran: planted waits, realtime'
    run -- realtime --long
    ran "TYMPAN_CALLBACKS=10000000 $realtime"
    run -- realtime long
    ended 2
    said 'Usage: ./x realtime [--long]'
}

threads='--test faults --test readers --test swaps --test recorder'

tsan_wants_a_nightly_and_a_race_that_is_reported() {
    machine
    has rustc 'echo "host: pdp11"'
    run -- tsan
    ended 4
    said 'rustup toolchain install nightly'
    logs rustup "case \$* in 'toolchain list') echo 'nightly-pdp11' ;; *) echo '$work/std' ;; esac"
    mkdir "$work/std"
    echo '_R3sys4sync5Mutex14lock_contended' >"$work/std/libstd-1.so"
    run -- tsan
    ended 1
    said 'there is no Condvar4wait in the std of nightly-pdp11'
    echo '.._R3sys4sync7Condvar4wait.._R3sys4sync7Condvar12wait_timeout' >>"$work/std/libstd-1.so"
    logs cc
    logs rustup "
case \$* in
    'toolchain list') echo 'nightly-pdp11' ;;
    *target-libdir) echo '$work/std' ;;
    *ignored*) echo 'ThreadSanitizer: data race in a_planted_race'; exit 66 ;;
esac"
    run -- tsan
    ended 0
    said '-DWAIT="_R3sys4sync7Condvar4wait" -DWAIT_FOR="_R3sys4sync7Condvar12wait_timeout"'
    ran "rustup run nightly-pdp11 cargo test --target pdp11 -p tympan $threads"
    never 'toolchain install'
    logs rustup "case \$* in 'toolchain list') echo 'nightly-pdp11' ;; *libdir) echo '$work/std' ;; esac"
    run -- tsan
    ended 1
    said 'a planted race was not noticed'
    logs rustup "
case \$* in
    'toolchain list') echo 'nightly-pdp11' ;;
    *target-libdir) echo '$work/std' ;;
    *) echo 'it does not build'; exit 101 ;;
esac"
    run -- tsan
    ended 1
    said 'this is no report of it'
}

reproduce_is_a_script_of_its_own() {
    machine
    # shellcheck disable=SC2016
    echo 'echo "RAN tests/reproduce.sh" >>"$LOG"' >"$work/tests/reproduce.sh"
    run -- reproduce
    ended 0
    ran 'tests/reproduce.sh'
    echo 'exit 1' >"$work/tests/reproduce.sh"
    run -- reproduce
    ended 1
    said 'x: the same program twice failed'
}

coverage_takes_the_tools_of_the_compilers_llvm() {
    machine
    # shellcheck disable=SC2016
    has rustc 'case $* in -vV) echo "LLVM version: 22.1.2" ;; *) echo /sysroot ;; esac'
    run -- coverage
    ended 4
    said 'package llvm-22'
    logs llvm-profdata-22
    logs llvm-cov-22
    run -- coverage
    ended 0
    in_order 'RAN cargo test -p tympan-core -p tympan-nodes --all-features' \
        'RAN llvm-profdata-22 merge' 'RAN llvm-cov-22 report'
}
# fuzzing SAYS [STATUS]: a workspace with two targets, and a fuzzer that says this.
fuzzing() {
    mkdir -p "$work/fuzz/dict" "$work/fuzz/regressions/wav" "$work/tests/fuzzing/src"
    echo '[package]' >"$work/fuzz/Cargo.toml"
    : >"$work/fuzz/dict/graph.dict"
    cat >"$work/tests/fuzzing/src/lib.rs" <<'END'
pub const GRAPH: Target = target("graph", graph::run, 1024);
pub const WAV: Target = target("wav", wav::run, 512);
const fn target(name: &'static str, run: fn(&[u8]), most: usize) -> Target {
END
    has cargo "
case \$* in
    --version) echo 'cargo 1.95.0 (f2d3ce0bd 2026-03-21)'; exit ;;
    *' --version') exit ;;
esac
echo \"RAN cargo \$*\" >>\"\$LOG\"
$1
exit ${2:-0}"
}

stats='printf "#2 INITED cov: 40 ft: 1 \n#9 NEW cov: 42 ft: 2\n" >&2
printf "stat::number_of_executed_units: 123\nstat::average_exec_per_sec:     45\n" >&2'

options='-create_missing_dirs=1 -timeout=10 -rss_limit_mb=1024 -entropic=0 -print_final_stats=1'
fuzz_graph="cargo fuzz run --sanitizer none graph fuzz/corpus/graph fuzz/seeds/graph -- \
-dict=fuzz/dict/graph.dict -max_len=1024 $options"
fuzz_wav="cargo fuzz run --sanitizer none wav fuzz/corpus/wav fuzz/regressions/wav fuzz/seeds/wav -- \
-max_len=512 $options"

fuzz_waits_for_its_targets() {
    machine
    run -- fuzz
    ended 2
    said 'there are no fuzz targets yet'
}

fuzz_runs_each_target_and_counts() {
    machine
    fuzzing "$stats"
    run -- fuzz
    ended 0
    in_order 'x: fuzzing graph' "RAN $fuzz_graph -max_total_time=60" 'x: fuzzing wav' \
        "RAN $fuzz_wav -max_total_time=60"
    printed '123 runs      45 a second, coverage 42, of it new 2, findings 0'
    run -- fuzz --long
    ran "$fuzz_wav -max_total_time=3600"
    run -- fuzz wav -runs=7
    ended 0
    ran "$fuzz_wav -runs=7"
    never 'fuzzing graph'
    run -- fuzz total
    ended 0
    printed 'graph              246 runs, of them        0 with a sanitizer,     45 a second, findings of old 0'
    printed 'wav                369 runs'
    never 'RAN'
    rm -r "$work/fuzz" "$work/tests/fuzzing"
}

fuzz_fails_on_a_finding_and_goes_on_to_the_next() {
    machine
    fuzzing "$stats; echo \"thread 'x' panicked at it\"" 77
    run -- fuzz
    ended 1
    ran "$fuzz_wav -max_total_time=60"
    said "panicked at it"
    said 'a finding of graph is in fuzz/artifacts/graph'
    said 'it goes to fuzz/regressions/wav'
    printed 'findings 1'
    # One that did not even start is no finding.
    fuzzing '' 101
    run -- fuzz wav
    ended 1
    said 'fuzzing wav failed before its first run: see fuzz/wav.log'
    rm -r "$work/fuzz" "$work/tests/fuzzing"
}

fuzz_says_what_it_lacks() {
    machine
    fuzzing "$stats"
    run -- fuzz plan
    ended 2
    said '"plan" is no target. They are: graph wav.'
    run -- fuzz '.*'
    ended 2
    run -- fuzz --long wav
    ended 2
    run TYMPAN_SANITIZER=address -- fuzz wav
    ended 4
    said 'a sanitizer needs a nightly Rust'
    has rustup "
case \$* in
    'toolchain list') echo 'nightly-x86_64-unknown-linux-gnu' ;;
    *) shift 2; exec \"\$@\" ;;
esac"
    run TYMPAN_SANITIZER=address -- fuzz wav
    ended 0
    ran "cargo fuzz run --sanitizer address ${fuzz_wav#*none }"
    has cargo "case \$* in --version) echo 'cargo 1.95.0 (f 2026-03-21)' ;; *) exit 1 ;; esac"
    run -- fuzz wav
    ended 4
    said 'cargo-fuzz is missing: cargo install cargo-fuzz'
    rm -r "$work/fuzz" "$work/tests/fuzzing"
}

alone='cargo check --manifest-path Cargo.toml --no-default-features'

check_all_builds_each_feature_alone() {
    machine
    run -- check --all
    ended 0
    ran "$alone"
    ran "$alone --features default"
    ran "$alone --features opus"
    ran "$alone --features web-rtc2"
    ran 'cargo check --manifest-path core/Cargo.toml --no-default-features'
    ran 'cargo check --manifest-path examples/custom-node/Cargo.toml --no-default-features'
    never a-feature
    never target/package
    never 'RAN cargo test'
    printed 'Rust 1.95 (the one in use)'
    printed 'x: not run: core without std'
}

check_all_uses_what_is_installed_and_installs_nothing() {
    machine
    has_cargo 1.97.0-nightly
    mkdir -p "$box/sysroot/lib/rustlib/thumbv7em-none-eabihf/lib"
    has rustc "echo '$box/sysroot'"
    logs rustup "
case \$* in
    'toolchain list') echo 'stable-pdp11 (active, default)'; echo '1.9.5-pdp11'; echo '1.95.0-pdp11' ;;
esac"
    run -- check --all
    ended 0
    ran 'rustup run 1.95.0-pdp11 cargo check --workspace --all-targets --all-features'
    ran 'cargo check -p tympan-core --lib --target thumbv7em-none-eabihf'
    logs rustup "echo 'stable-pdp11 (active, default)'"
    run -- check --all
    ended 0
    printed 'x: not run: Rust 1.95, the oldest we build on: it is not installed'
    never 'toolchain install'
    never 'RAN rustup target add'
    never 'component add'
}

# A machine with the std of a phone, whose compiler refuses what it should.
phone() {
    mkdir -p "$box/phone"
    : >"$box/phone/libstd-1.rlib"
    has rustc "
case \$* in
    *aarch64-apple-ios) echo '$box/phone' ;;
    *) echo '$box/nowhere' ;;
esac"
    has cargo "
case \$* in
    --version) echo 'cargo 1.95.0 (f2d3ce0bd 2026-03-21)'; exit ;;
    *' --version') exit ;;
esac
echo \"RAN cargo \$*\" >>\"\$LOG\"
case \$* in
    *rustc*planted*) ${1-echo 'error[E0308]: mismatched types'; exit 101} ;;
    *planted*) echo '$refused'; exit 101 ;;
esac"
}

other_systems_are_checked_where_their_std_is() {
    machine
    phone
    run -- check
    ended 0
    parts='-p tympan-core -p tympan-nodes -p tympan-backends -p tympan -p tympan-c'
    ran "cargo check $parts --no-default-features --features tympan/web-rtc2, --target aarch64-apple-ios"
    ran "cargo clippy $parts --no-default-features --features tympan/web-rtc2, --target aarch64-apple-ios"
    printed 'check for aarch64-apple-ios, clippy for aarch64-apple-ios, a planted error for aarch64-apple-ios'
    printed 'x: not run: opus and webrtc-vad for aarch64-apple-ios'
    printed 'x: not run: aarch64-apple-ios-sim: this Rust has no std for it'
    printed 'x: not run: aarch64-linux-android: '
    printed 'x: not run: x86_64-pc-windows-msvc: '
    never 'cargo build'
    run CC_aarch64_apple_ios=clang -- check --cross
    ended 0
    ran "cargo check $parts --all-features --target aarch64-apple-ios"
    ran 'cargo rustc --release -p tympan-c --lib --crate-type staticlib --target aarch64-apple-ios'
    ran 'cargo test --quiet -p tympan-c --test abi every_object -- --nocapture'
    printed 'objects for aarch64-apple-ios'
    printed 'x: not run: library for aarch64-apple-darwin'
    never 'cargo fmt'
}

a_lint_that_lets_a_lock_through_is_no_lint() {
    machine
    refused='error: std::sync::RwLock std::time::Instant::now std::thread::sleep std::println'
    has_cargo 1.95.0
    run -- check
    ended 1
    said 'a planted Mutex was not refused'
}

a_check_that_lets_everything_through_is_no_check() {
    machine
    phone true
    run -- check
    ended 1
    said 'a planted wrong type was not noticed'
    phone 'echo "error: no such package"; exit 101'
    run -- check
    ended 1
    said 'this was not refused for its type'
}

compilers_may_come_from_elsewhere() {
    machine
    phone
    mkdir -p "$box/cross"
    # shellcheck disable=SC2016
    {
        echo '#!/bin/sh'
        echo 'target=$1; shift; exec "$@" --target "$target"'
    } >"$box/cross/with-target"
    # shellcheck disable=SC2016
    {
        echo '#!/bin/sh'
        echo 'echo "RAN their clippy $*" >>"$LOG"'
    } >"$box/cross/clippy"
    chmod +x "$box/cross/with-target" "$box/cross/clippy"
    run TYMPAN_CROSS="$box/cross" -- check --cross
    ended 0
    ran "cargo check $parts --all-features --target aarch64-apple-ios"
    ran "their clippy $parts --all-features --target aarch64-apple-ios"
    ran 'cargo rustc -p tympan-backends --lib --profile check --target aarch64-apple-ios -- --cfg planted'
    never 'cargo clippy'
}

# call FOLDER [NAME=VALUE] COMMAND...: x in the way that a test chooses.
call() {
    : >"$log"
    status=0
    (
        cd "$1"
        shift
        exec env PATH="$bin" LOG="$log" "$@" >"$out" 2>>"$log"
    ) || status=$?
}

x_finds_its_folder() {
    machine
    run -- demo
    ended 0
    # A name without a slash, as in `sh x`.
    # shellcheck disable=SC2086
    call "$work" "$shell" $applet x demo
    ended 0
    # A relative path, which CDPATH would send to a folder of the same name.
    mkdir "$box/tmp/${work##*/}"
    # shellcheck disable=SC2086
    call "$box" CDPATH="$box/tmp" "$shell" $applet "${work##*/}/x" demo
    ended 0
    # By its own first line.
    call / "$work/x" demo
    ended 0
    log_is "$demo"
}

x_needs_no_stdin() {
    machine
    # shellcheck disable=SC2086
    call / "$shell" $applet "$work/x" test <&-
    ended 0
}

# ---- Controls ---------------------------------------------------------------
# The tests have to fail on an x that is wrong. Each control breaks a copy in one
# place, and is passed when the test named with it notices.

# control TEST SED-SCRIPT
control() {
    sed "$2" "$x" >"$work/x"
    wrong=''
    if cmp -s "$x" "$work/x"; then
        failed "control of $1" '
    the script changes nothing in x'
    else
        "$1"
        if [ -n "$wrong" ]; then passed; else failed "control of $1" "
    did not notice: $2"; fi
    fi
    cp "$x" "$work/x"
}

# Each kind of assertion, held against what is not so.
assertions_can_fail() {
    status=0
    echo 'RAN one thing' >"$log"
    : >"$out"
    claims=''
    for claim in 'ended 1' 'log_is RAN' 'said two' 'printed one' 'ran one' 'never RAN' 'in_order one RAN'; do
        wrong=''
        $claim
        [ -n "$wrong" ] || claims="$claims
    held: $claim"
    done
    wrong=$claims
}

# The dollars in these are those of x.
# shellcheck disable=SC2016
controls() {
    try assertions_can_fail
    control apt_is_announced_then_run 's/ libc6-dev//'
    control apt_is_announced_then_run 's/echo "\$commands" | indented/:/'
    control apt_is_announced_then_run 's/env DEBIAN_FRONTEND=noninteractive //'
    control apt_is_announced_then_run 's/ >&2 || die 4 "this failed/ || die 4 "this failed/'
    control a_ready_machine_installs_nothing_and_says_nothing 's/\[ -n "\$missing" \] || return 0/packages=sed/'
    control a_compiler_that_links_nothing_is_missing_too 's/ || linked=1//'
    control a_user_without_sudo_gets_the_command 's/id -u/echo 0/'
    control an_old_cargo_stops 's/ -ge / -gt 0 -o 1 -eq /'
    control the_first_failure_ends_it_by_name 's/|| die 1 "\$name failed/|| say "\$name failed/'
    control x_finds_its_folder 's/^unset CDPATH/:/'
    control x_finds_its_folder 's/^case \$0 in/case none in/'
}

# ---- Running ----------------------------------------------------------------

passes=0 failures=0

passed() {
    passes=$((passes + 1))
}

# failed NAME DETAILS
failed() {
    failures=$((failures + 1))
    printf 'FAILED %s, under %s:%s\n' "$1" "$shell_name" "$2"
}

try() {
    wrong=''
    "$1"
    if [ -z "$wrong" ]; then passed; else failed "$1" "$wrong
$(sed 's/^/    | /' "$log")"; fi
}

# A test is a function under one of the headings "Tests", named in words.
tests=$(sed -n '/^# ---- Tests: a machine/,/^# ---- Controls/s/^\([a-z]*_[a-z_]*\)() {$/\1/p' "$0")
[ -n "$tests" ] || {
    echo 'x.sh: finds no tests in itself'
    exit 1
}

# with_shell NAME [APPLET]
with_shell() {
    shell_name="$*"
    shell=$(real "$1" 2>/dev/null) || return 0
    applet=${2:-}
    workspace
    for test in $tests; do
        try "$test"
    done
    controls
    tried="$tried${tried:+, }$shell_name"
}

# What the package managers of these machines bring.
printf '#!/bin/sh\n' >"$box/cc"
chmod +x "$box/cc"

tried=''
with_shell sh
with_shell dash
with_shell bash
with_shell busybox sh
with_shell mksh
with_shell yash

echo "x, run by $tried:"
echo "$passes passed, $failures failed"
[ "$failures" -eq 0 ]
