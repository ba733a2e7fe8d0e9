#!/bin/sh
# Builds one of the programs in cmd/, with the version of Kubernetes stamped in: clients read it.
# build.sh kube|kubeapi OUTPUT VERSION. The same sources give the same bytes.
set -eu
what=$1 out=$(realpath -m "$2") version=$3
cd "$(dirname "$0")"
PATH=$PATH:/usr/local/go/bin
minor=${version#1.}
minor=${minor%%.*}
stamp() { printf ' -X %s.gitVersion=v%s -X %s.gitMajor=1 -X %s.gitMinor=%s' "$1" "$version" "$1" "$1" "$minor"; }
flags="-s -w$(stamp k8s.io/component-base/version)$(stamp k8s.io/client-go/pkg/version)"
flags="$flags -X k8s.io/component-base/version.gitTreeState=clean"
CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -ldflags "$flags" -o "$out" "./cmd/$what"
