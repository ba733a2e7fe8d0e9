.PHONY: test-faults

test-faults: install $(STAMPS)/valkey $(STAMPS)/redis ## every store fault on real Valkey and Redis servers, and the hostile suite; table and out/faults.json (ONLY=NAME, KIND='redis cluster', SEED=N)
	@node tests/faults/run.ts $(if $(ONLY),--only $(ONLY)) $(if $(KIND),--kind '$(KIND)') $(if $(SEED),--seed $(SEED)) $(if $(AT_ONCE),--at-once $(AT_ONCE))
