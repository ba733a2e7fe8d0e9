// Command kubeapi is etcd and kube-apiserver in one process, for tests.
// See package testserver for its flags.
package main

import (
	"isthmus.dev/kube-server/internal/testserver"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

func main() { testserver.Main() }
