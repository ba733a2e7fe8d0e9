.PHONY: kube-server test-kube

kube-server: ## the API servers of tests: from the cache, from ISTHMUS_KUBE_PREBUILT, or built with Go (10 to 15 minutes, once)
	@tools/kube-server/install.sh

test-kube: install ## the tests on real API servers alone
	@set -f; tests=$$(tools/kube-server/tests.sh); [ -z "$$tests" ] || node --test --test-concurrency=2 $$tests
