#!/bin/sh
# Puts tcpdump into .tools/tcpdump for the demo's look at the wire: the machine's own where there is one, else Debian's
# package, unpacked into the per-user cache. No root, and nothing of the machine is changed: apt works in folders of its own.
set -eu
cd "$(dirname "$0")/.."
cache=${ISTHMUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isthmus}
PATH=$PATH:/usr/sbin:/sbin

link() {
  mkdir -p .tools
  rm -rf .tools/tcpdump
  ln -s "$1" .tools/tcpdump
}
missing() {
  echo "tcpdump (shows that the wire between networks carries no plaintext): $1; install the package tcpdump" >&2
  exit 1
}

if own=$(command -v tcpdump); then
  mkdir -p "$cache/tcpdump-system/bin"
  ln -sf "$own" "$cache/tcpdump-system/bin/tcpdump"
  link "$cache/tcpdump-system"
  exit 0
fi

release=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown}-${VERSION_ID:-0}" || echo unknown)
kept="$cache/tcpdump-$release-$(uname -m)"
if [ ! -x "$kept/bin/tcpdump" ]; then
  command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || missing "not on this machine, and there is no apt to fetch it with"
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/tcpdump.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/debs" "$work/out/bin" "$work/out/root"
  # Lists, archives and locks of our own; the status of the machine is only read, to know which libraries it has.
  apt() {
    apt-get -q -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work" -o "Dir::Cache::archives=$work/archives" \
      -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
  }
  apt update >"$work/log" 2>&1 || missing "the package lists cannot be fetched: $(grep -m 1 -E '^(E|W|Err)' "$work/log" || echo "apt-get update failed")"
  packages=$(apt install --print-uris --yes --no-install-recommends tcpdump 2>>"$work/log" | sed -n "s/^'[^']*\/\([^_']*\)_[^']*' .*/\1/p")
  [ -n "$packages" ] || missing "no package of that name for this system"
  # Word splitting is wanted: one package a word.
  (cd "$work/debs" && apt download $packages >>"$work/log" 2>&1) || missing "the package cannot be fetched"
  for deb in "$work"/debs/*.deb; do dpkg-deb --extract "$deb" "$work/out/root"; done
  program=$(find "$work/out/root" -type f -name tcpdump -path '*bin/*' | head -n 1)
  libraries=$(find "$work/out/root" -name '*.so*' -printf '%h\n' | sort -u | sed "s|^$work/out|\$here|" | paste -sd :)
  cat >"$work/out/bin/tcpdump" <<END
#!/bin/sh
here=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
LD_LIBRARY_PATH=$libraries exec "\$here${program#"$work/out"}" "\$@"
END
  chmod 755 "$work/out/bin/tcpdump"
  "$work/out/bin/tcpdump" --version >/dev/null 2>&1 || missing "the fetched one does not run here"
  rm -rf "$kept"
  mv "$work/out" "$kept"
fi
link "$kept"
