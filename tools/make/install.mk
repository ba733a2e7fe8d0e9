
.PHONY: install generate

install: $(STAMPS)/generated $(STAMPS)/envoy ## fetch Node, npm packages, Envoy; generate code (all into this folder)

generate: ## generate TypeScript from the Envoy descriptor set and our own protos
	@rm -f $(STAMPS)/generated
	@$(MAKE) --no-print-directory $(STAMPS)/generated

$(STAMPS)/node: tools/install-node.sh
	@mkdir -p $(STAMPS)
	@tools/install-node.sh
	@touch $@

$(STAMPS)/npm: $(STAMPS)/node package-lock.json package.json
	@echo "installing npm packages"
	@npm ci --silent --ignore-scripts
	@touch $@

$(STAMPS)/generated: $(STAMPS)/npm buf.gen.yaml buf.own.gen.yaml gateway-config/protos/envoy-1.40.binpb $(wildcard protos/isthmus/*/*/*.proto)
	@echo "generating code"
	@buf generate
	@buf generate --template buf.own.gen.yaml
	@touch $@

$(STAMPS)/envoy: tools/install-wheel.sh
	@mkdir -p $(STAMPS)
	@tools/install-wheel.sh envoy
	@touch $@

$(STAMPS)/valkey: tools/install-wheel.sh
	@mkdir -p $(STAMPS)
	@tools/install-wheel.sh valkey
	@touch $@

# Where the distribution has none, the tests on Redis say NOT TESTED and the rest runs; only CI demands it.
$(STAMPS)/redis: tools/install-debian.sh
	@mkdir -p $(STAMPS)
	@if tools/install-debian.sh redis; then touch $@; fi
