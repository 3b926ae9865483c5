#!/bin/sh
# Does the same source give the same program, to the bit? The command line is built in two
# folders of different length; then one number in one of them is changed, which must be
# noticed. Called by `./x reproduce`; what it builds is put away again.
set -eu

root=$(cd -- "${0%/*}/.." && pwd)
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
trap 'exit 1' HUP INT TERM

# Paths of this machine have no place in a program: neither where it was built, nor where
# its crates were unpacked.
home=${CARGO_HOME:-$HOME/.cargo}

build() {
    maps="$1=/tympan $home=/cargo"
    rust='' c=''
    for map in $maps; do
        rust="$rust --remap-path-prefix=$map" c="$c -ffile-prefix-map=$map"
    done
    (
        cd "$1/source"
        CARGO_TARGET_DIR="$1/target" RUSTFLAGS="$rust" CFLAGS="$c" CARGO_INCREMENTAL=0 \
            cargo build --release --locked -p tympan-cli
    )
}

one=$box/a two=$box/another-folder
for folder in "$one" "$two"; do
    mkdir "$folder" "$folder/source"
    (cd "$root" && git ls-files -z | xargs -0 tar -cf -) | tar -xf - -C "$folder/source"
    build "$folder"
done
program=target/release/tympan
cmp "$one/$program" "$two/$program"
echo "the same $(wc -c <"$one/$program") bytes: $(sha256sum <"$one/$program")"

# A number in it is one larger.
main=$two/source/cli/src/main.rs
sed -i 's/max_term_width = 80/max_term_width = 81/' "$main"
if cmp -s "$root/cli/src/main.rs" "$main"; then
    echo 'there is nothing to plant a difference in any more' >&2
    exit 1
fi
build "$two"
if cmp -s "$one/$program" "$two/$program"; then
    echo 'a planted difference was not noticed' >&2
    exit 1
fi
echo 'a planted difference was noticed'
