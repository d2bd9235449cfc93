#!/usr/bin/env bash
# archive.sh BINARY TARGET OUT [RUNNABLE]: makes the archive of a release in the folder OUT: the program, its manual pages,
# completions and licences. RUNNABLE is the same program for this machine, if BINARY is for another. Prints the path of the archive.
# Runs in the root of the repository; the same sources make the same archive.
set -euo pipefail

[ $# -ge 3 ] || { echo "usage: packaging/release/archive.sh BINARY TARGET OUT [RUNNABLE]" >&2; exit 1; }
binary=$1 target=$2 out=$3 runnable=${4:-$1}
version=$("$runnable" --version | cut -d ' ' -f 2)
name=letterpress-$version-$target
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
mkdir -p "$out"
rm -rf "${out:?}/$name"
mkdir -p "$out/$name/man" "$out/$name/completions"
case $target in *-windows-*) program=letterpress.exe ;; *) program=letterpress ;; esac
install -m 755 "$binary" "$out/$name/$program"
"$runnable" man "$out/$name/man" >/dev/null
"$runnable" completions bash >"$out/$name/completions/letterpress.bash"
"$runnable" completions zsh >"$out/$name/completions/_letterpress"
"$runnable" completions fish >"$out/$name/completions/letterpress.fish"
cp README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$out/$name/"
cd "$out"
case $target in
    *-windows-*)
        archive=$name.zip
        rm -f "$archive"
        if command -v 7z >/dev/null; then 7z a -bd "$archive" "$name" >/dev/null; else zip -qr "$archive" "$name"; fi
        ;;
    *)
        archive=$name.tar.gz
        # GNU tar and the tar of macOS agree on no option for owners and times.
        if tar --version | grep -q GNU; then
            tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" --mode=go-w "$name" | gzip -n9 >"$archive"
        else
            tar -czf "$archive" "$name"
        fi
        ;;
esac
rm -rf "$name"
printf '%s/%s\n' "$PWD" "$archive"
