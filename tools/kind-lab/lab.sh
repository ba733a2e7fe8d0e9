#!/usr/bin/env bash
# Real kind clusters where no container registry can be reached: a Docker engine in a network namespace of its own, and a node
# image that is made from Debian's packages and Go modules. Where there is a Docker and a registry nothing of this is needed.
#
#   lab.sh deps              install Debian's packages for it (as root)
#   lab.sh build             programs and node image, from the cache, ISTHMUS_KUBE_PREBUILT or sources; starts the engine
#   lab.sh run COMMAND...    run COMMAND with what the harness needs to find engine, image and programs
#   lab.sh down              stop the engine; clusters that are left go first
#
# ISTHMUS_KIND_LAB: the folder for everything this makes; default: below the per-user cache.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${ISTHMUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isthmus}
LAB=${ISTHMUS_KIND_LAB:-$cache/kind-lab}
mkdir -p "$LAB/bin" "$LAB/node"
kubernetes=1.34.4 coredns=1.12.1 kind=0.33.0
image=local/node:v$kubernetes
export STATE="$LAB/docker" NS=isthmus-kind DOCKER_HOST="unix://$LAB/docker/docker.sock"
# Debian's docker before any other one, and nothing else of /usr/bin before what the caller chose.
ln -sf /usr/bin/docker "$LAB/bin/docker"
export PATH="$LAB/bin:$PATH:/usr/local/go/bin"
inside() { nsenter --net="/run/netns/$NS" -- "$@"; }
engine() { docker version >/dev/null 2>&1 || "$here/start-docker.sh" start; }

dns() {
  [ -x "$LAB/bin/coredns" ] && return
  local packed=${ISTHMUS_KUBE_PREBUILT:-}/coredns.xz
  if [ -f "$packed" ]; then
    xz -dc -T0 "$packed" >"$LAB/bin/coredns.new"
  else
    # In a copy: the build writes into its folder.
    rm -rf "$LAB/src"; cp -r "$here/coredns" "$LAB/src"
    "$LAB/src/build.sh" "$LAB/bin/coredns.new" "$coredns"
  fi
  chmod 755 "$LAB/bin/coredns.new"
  mv "$LAB/bin/coredns.new" "$LAB/bin/coredns"
}

# Made anew when anything that goes into it is another.
node_image() {
  local kube sum kept
  kube=$(realpath "$root/.tools/kube/bin/kube")
  sum=$(cat "$kube" "$LAB/bin/coredns" "$here"/node-image/* | sha256sum | cut -c 1-16)
  kept="$LAB/node/$sum"
  if [ ! -e "$kept" ] || ! docker image inspect "$image" >/dev/null 2>&1; then
    KUBE="$kube" COREDNS="$LAB/bin/coredns" WORK="$LAB/node" VERSION="$kubernetes" "$here/node-image/build-node-image.sh" "$image"
    touch "$kept"
  fi
}

case ${1:-} in
deps)
  apt-get update -q
  # Without systemd Debian's own script would start an engine in the machine's network: this says no to it, this once.
  rcd=/usr/sbin/policy-rc.d made=
  [ -e $rcd ] || { printf '#!/bin/sh\nexit 101\n' >$rcd; chmod +x $rcd; made=1; }
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    docker.io containerd runc iptables iproute2 debootstrap jq libcap2-bin xz-utils gcc libc6-dev
  [ -z "$made" ] || rm $rcd
  ;;
build)
  (cd "$root" && tools/kube-server/install.sh)
  dns
  ln -sf "$(realpath "$root/.tools/kube/bin/kube")" "$LAB/bin/kubectl"
  [ -x "$LAB/bin/kind" ] || GOBIN="$LAB/bin" go install "sigs.k8s.io/kind@v$kind"
  engine
  node_image
  ;;
run)
  shift
  engine
  KIND_NODE_IMAGE=$image ISTHMUS_KIND_ENTER="nsenter --net=/run/netns/$NS --" "$@"
  ;;
down)
  docker version >/dev/null 2>&1 || exit 0
  for name in $(inside kind get clusters 2>/dev/null); do inside kind delete cluster --name "$name"; done
  "$here/start-docker.sh" stop
  ;;
*)
  sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
