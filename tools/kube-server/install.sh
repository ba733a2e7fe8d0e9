#!/bin/sh
# Puts the Kubernetes programs that tests start into .tools/kube: one multi-call program, `kube`, with kubeapi (etcd and
# kube-apiserver in one process), kube-controller-manager, kubectl and the rest. In this order:
#   ISTHMUS_KUBE_SERVER (a program, or a kube.xz); ISTHMUS_KUBE_PREBUILT (kube.xz, or a folder with it); the per-user
#   cache; a build with Go, 10 to 15 minutes, once.
#
# install.sh            whatever it takes
# install.sh --cached   only what costs seconds; exit code 1, and nothing said, when there is nothing of that kind
set -eu
cd "$(dirname "$0")/../.."
sources=tools/kube-server
cache=${ISTHMUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isthmus}
version=1.34.4

# The name under which a build is kept: all that goes into it.
sources_hash() {
  find "$sources" -name '*.go' -o -name go.mod -o -name go.sum -o -name build.sh | LC_ALL=C sort |
    xargs sha256sum | sha256sum | cut -c 1-12
}
link() {
  mkdir -p .tools
  # Tests may run meanwhile: the same link is left alone.
  [ "$(readlink .tools/kube || true)" = "$1" ] && return
  rm -rf .tools/kube
  ln -s "$1" .tools/kube
}
fail() {
  echo "kube-server (the API servers of tests): $1" >&2
  exit 1
}

# A file that is named is used as it is, whatever the cache has.
if [ -n "${ISTHMUS_KUBE_SERVER:-}" ]; then
  case $ISTHMUS_KUBE_SERVER in
    *.xz) ISTHMUS_KUBE_PREBUILT=$ISTHMUS_KUBE_SERVER ;;
    *) [ -x "$ISTHMUS_KUBE_SERVER" ] || fail "ISTHMUS_KUBE_SERVER is $ISTHMUS_KUBE_SERVER, which is no program"; exit 0 ;;
  esac
fi

if [ -n "${ISTHMUS_KUBE_PREBUILT:-}" ]; then
  packed=$ISTHMUS_KUBE_PREBUILT
  [ -d "$packed" ] && packed=$packed/kube.xz
  [ -f "$packed" ] || fail "ISTHMUS_KUBE_PREBUILT is $ISTHMUS_KUBE_PREBUILT, where there is no kube.xz"
  sum=$(sha256sum "$packed" | cut -d ' ' -f 1)
  kept="$cache/kube-server-prebuilt-$(printf %.12s "$sum")"
  if [ ! -x "$kept/bin/kube" ]; then
    listed=$(dirname "$packed")/SHA256SUMS
    if [ -f "$listed" ] && ! grep -q "^$sum [ *]$(basename "$packed")\$" "$listed"; then
      fail "the checksum of $packed is not the one in $listed"
    fi
    command -v xz >/dev/null 2>&1 || fail "xz is missing: install xz-utils"
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/kube-server.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/bin"
    xz -dc "$packed" >"$work/bin/kube"
    chmod 755 "$work/bin/kube"
    rm -rf "$kept"
    mv "$work" "$kept"
  fi
  link "$kept"
  exit 0
fi

kept="$cache/kube-server-$version-$(sources_hash)"
# What this checkout was given before, prebuilt perhaps, will do.
[ "${1:-}" = --cached ] && [ -x .tools/kube/bin/kube ] && exit 0
if [ ! -x "$kept/bin/kube" ]; then
  [ "${1:-}" = --cached ] && exit 1
  go=$(command -v go || { [ -x /usr/local/go/bin/go ] && echo /usr/local/go/bin/go; }) ||
    fail "built with Go, which is missing: install Go 1.24 or later, or name a prebuilt one in ISTHMUS_KUBE_PREBUILT"
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/kube-server.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "building Kubernetes $version for tests: 10 to 15 minutes, once; the log is $work/log"
  "$sources/build.sh" kube "$work/bin/kube" "$version" >"$work/log" 2>&1 || fail "it cannot be built: $(tail -n 1 "$work/log")"
  rm -rf "$kept"
  mv "$work" "$kept"
fi
link "$kept"
