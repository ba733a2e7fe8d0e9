.PHONY: test-kind test-kind-all kind-up kind-down kind-lab
TOPOLOGY ?= overlap-2
# Every cluster of Kubernetes alone; a site without it is not built by the harness yet.
KIND_TOPOLOGIES = separated-2 overlap-2
# KIND_LAB=1: with the engine and node image of `make kind-lab`, where no registry can be reached.
IN_KIND_LAB = $(if $(KIND_LAB),tools/kind-lab/lab.sh run)

test-kind: install ## TOPOLOGY as real kind clusters, all scenarios; KEEP=1 keeps them, KIND_LAB=1 needs no registry
	@$(IN_KIND_LAB) node tests/kind/run.ts $(TOPOLOGY) $(if $(JSON),--json $(JSON))

test-kind-all: install ## every topology that the harness can build
	@$(IN_KIND_LAB) node tests/kind/run.ts $(KIND_TOPOLOGIES) $(if $(JSON),--json $(JSON))

kind-up: install ## the clusters of TOPOLOGY, linked, for development
	@$(IN_KIND_LAB) node tests/kind/run.ts $(TOPOLOGY) --up

kind-down: install ## takes the clusters of TOPOLOGY away
	@$(IN_KIND_LAB) node tests/kind/run.ts $(TOPOLOGY) --down

kind-lab: ## a Docker engine and a node image where no registry can be reached; as root, on Debian
	@tools/kind-lab/lab.sh deps && tools/kind-lab/lab.sh build
