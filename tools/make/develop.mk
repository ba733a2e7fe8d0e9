.PHONY: help check format test clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

check: $(STAMPS)/generated ## types, lint, format
	@tsc -p .
	@oxlint --type-aware --deny-warnings
	@biome format .

format: $(STAMPS)/npm ## rewrite the sources in the project's format
	@biome format --write .

test: install $(STAMPS)/tcpdump $(STAMPS)/valkey $(STAMPS)/redis ## unit, property, golden, contract and real-Envoy tests, and those on real API servers where there is one
	@tools/install-helm.sh --cached || true
	@set -f; kube=$$(tools/kube-server/tests.sh); node --test --test-concurrency=2 'runtime/**/*.test.ts' 'federation/**/*.test.ts' 'trust/**/*.test.ts' 'gateway-config/**/*.test.ts' 'topologies/**/*.test.ts' 'sources/**/*.test.ts' 'controller/**/*.test.ts' 'cli/**/*.test.ts' 'demo/**/*.test.ts' 'kubernetes/**/*.test.ts' 'deploy/**/*.test.ts' 'tests/**/!(*.kube).test.ts' $$kube

clean: ## remove what was built or generated in this folder, keep the per-user cache
	@rm -rf node_modules gateway-config/gen protos/gen .tools out

distclean: clean ## clean, and the per-user cache
	@rm -rf "$${ISTHMUS_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/isthmus}"
