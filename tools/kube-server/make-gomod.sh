#!/bin/sh
# Writes go.mod for a version of Kubernetes: make-gomod.sh 1.34.4, then `go mod tidy`. k8s.io/kubernetes itself says
# "staging module => ./staging/...", which works only inside its own tree, so each staging module it names is replaced
# by the one that was published for the release, and everything else is pinned to what the release was tested with.
set -eu
version=${1:?such as 1.34.4}
cd "$(dirname "$0")"
rm -f go.mod go.sum
go mod init isthmus.dev/kube-server >/dev/null 2>&1
upstream=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)",*/\1/p')
go mod edit -go=1.24.0 -require="k8s.io/kubernetes@v$version"
# Samples are imported by nobody.
sed -nE 's#^[[:space:]]*(k8s\.io/[a-z0-9.-]+) => \./staging/.*#\1#p' "$upstream" | grep -v '^k8s.io/sample-' |
while read -r module; do
  go mod edit -replace="$module=$module@v0.${version#1.}" -require="$module@v0.${version#1.}"
done
sed -nE 's#^[[:space:]]+([a-z][^ ]+) (v[^ ]+)( // indirect)?$#\1@\2#p' "$upstream" | grep -v '^k8s\.io/[a-z0-9.-]*@v0\.0\.0$' |
while read -r required; do go mod edit -require="$required"; done
