#!/bin/sh
# Puts helm into .tools/helm: the machine's own when it is version 3 or 4, else built from the Go module proxy into the
# per-user cache (about 2 minutes once). With --cached only what costs seconds; exit code 1 when there is nothing of that kind.
set -eu
cd "$(dirname "$0")/.."
cache=${ISTHMUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isthmus}
version=v3.22.0
kept="$cache/helm-$version"

link() {
  mkdir -p .tools
  rm -rf .tools/helm
  ln -s "$1" .tools/helm
}

if own=$(command -v helm) && "$own" version --short 2>/dev/null | grep -Eq '^v[34]\.'; then
  mkdir -p "$cache/helm-system/bin"
  ln -sf "$own" "$cache/helm-system/bin/helm"
  link "$cache/helm-system"
  exit 0
fi
if [ ! -x "$kept/bin/helm" ]; then
  [ "${1:-}" != --cached ] || exit 1
  go=$(command -v go || { [ -x /usr/local/go/bin/go ] && echo /usr/local/go/bin/go; }) || {
    echo "helm (the tests of the chart) is built with Go, which is missing: install Go 1.26, or helm itself" >&2
    exit 1
  }
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/helm.XXXXXX")
  trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
  echo "building helm $version (about 2 minutes, once)"
  # Go checks the module against its checksum database, or go.sum of a build of ours would be needed.
  GOBIN="$work/bin" GOFLAGS=-mod=mod "$go" install -trimpath -ldflags='-s -w' "helm.sh/helm/v3/cmd/helm@$version" >"$work/log" 2>&1 || {
    echo "helm cannot be built: $(tail -n 1 "$work/log")" >&2
    exit 1
  }
  mkdir -p "$kept/bin"
  mv "$work/bin/helm" "$kept/bin/helm"
fi
link "$kept"
