#!/bin/sh
# install-debian.sh tcpdump|redis: puts a program of the distribution into .tools/NAME: the machine's own where there is a
# fit one, else the distribution's package with what it needs, unpacked into the per-user cache. No root, and nothing of
# the machine is changed: apt works in folders of its own.
set -eu
cd "$(dirname "$0")/.."
cache=${ISTHMUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isthmus}
PATH=$PATH:/usr/sbin:/sbin
name=${1:-}

case $name in
  tcpdump)
    package=tcpdump program=tcpdump purpose="shows that the wire between networks carries no plaintext"
    fit() { "$1" --version >/dev/null 2>&1; } ;;
  redis)
    package=redis-server program=redis-server purpose="the shared-store tests on Redis, with TLS"
    # ACLs with selectors and key permissions came with 7.0; a build without TLS is of no use here.
    fit() { "$1" --version | grep -Eq 'v=([7-9]|[1-9][0-9])\.' && ldd "$1" | grep -q libssl; } ;;
  *) echo "usage: install-debian.sh tcpdump|redis" >&2; exit 2 ;;
esac

link() {
  mkdir -p .tools
  rm -rf ".tools/$name"
  ln -s "$1" ".tools/$name"
}
missing() {
  echo "$program ($purpose): $1; install the package $package" >&2
  exit 1
}

if own=$(command -v "$program") && fit "$own"; then
  mkdir -p "$cache/$name-system/bin"
  ln -sf "$own" "$cache/$name-system/bin/$program"
  link "$cache/$name-system"
  exit 0
fi

release=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown}-${VERSION_ID:-0}" || echo unknown)
kept="$cache/$name-$release-$(uname -m)"
if [ ! -x "$kept/bin/$program" ]; then
  command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || missing "not on this machine, and there is no apt to fetch it with"
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/$name.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/debs" "$work/out/bin" "$work/out/root"
  # Lists, archives and locks of our own; the status of the machine is only read, to know which libraries it has.
  apt() {
    apt-get -q -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work" -o "Dir::Cache::archives=$work/archives" \
      -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
  }
  apt update >"$work/log" 2>&1 || missing "the package lists cannot be fetched: $(grep -m 1 -E '^(E|W|Err)' "$work/log" || echo "apt-get update failed")"
  packages=$(apt install --print-uris --yes --no-install-recommends "$package" 2>>"$work/log" | sed -n "s/^'[^']*\/\([^_']*\)_[^']*' .*/\1/p")
  [ -n "$packages" ] || missing "no package of that name for this system"
  # Word splitting is wanted: one package a word.
  (cd "$work/debs" && apt download $packages >>"$work/log" 2>&1) || missing "the package cannot be fetched"
  for deb in "$work"/debs/*.deb; do dpkg-deb --extract "$deb" "$work/out/root"; done
  # A file or, as with redis-server, a link to one in the same folder.
  found=$(find "$work/out/root" -name "$program" -path '*bin/*' | head -n 1)
  [ -n "$found" ] || missing "its package holds no such program"
  libraries=$(find "$work/out/root" -name '*.so*' -printf '%h\n' | sort -u | sed "s|^$work/out|\$here|" | paste -sd :)
  cat >"$work/out/bin/$program" <<END
#!/bin/sh
here=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
LD_LIBRARY_PATH=$libraries exec "\$here${found#"$work/out"}" "\$@"
END
  chmod 755 "$work/out/bin/$program"
  "$work/out/bin/$program" --version >/dev/null 2>&1 || missing "the fetched one does not run here"
  rm -rf "$kept"
  mv "$work/out" "$kept"
fi
link "$kept"
