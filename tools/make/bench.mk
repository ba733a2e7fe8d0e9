.PHONY: bench

# One after another: together they would measure each other.
BENCHES := $(filter-out calibration,$(patsubst bench/%.ts,%,$(sort $(wildcard bench/*.ts))))

bench: install $(STAMPS)/valkey $(STAMPS)/redis ## all benches, one after another, about 2.5 min (BENCH=propagation runs one); bench/README.md explains the figures
	@for bench in calibration $(or $(BENCH),$(BENCHES)) calibration; do echo "== $$bench"; node "bench/$$bench.ts" || exit 1; done
