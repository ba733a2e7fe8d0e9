.PHONY: test-mutation

test-mutation: install ## takes one failover setting after the other out on real Envoys: each must be missed (ONLY=NAME)
	@node tests/mutation/run.ts $(if $(ONLY),--only $(ONLY))
