.PHONY: test-hostile

test-hostile: install $(STAMPS)/valkey ## hostile store and hostile member: a series of seeded runs, then every rule taken out (SEEDS=1000, SEED=N replays one, LAYER=contract|wire)
	@node tests/hostile/run.ts $(if $(LAYER),--layer $(LAYER)) $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000))
	@$(if $(SEED)$(LAYER),true,node tests/hostile/run.ts --mutants)
