.PHONY: image dist helm

image: install ## the one OCI image for controller, gateways and CLI: out/image/isthmus-VERSION.tar (no Docker daemon needed)
	@node deploy/image/build.ts

dist: install ## self-contained archive of the CLI with checksums: out/dist/
	@node deploy/dist/build.ts

helm: $(STAMPS)/helm ## fetch and build helm, which the chart is tested with

# Where Go is missing the chart's tests say NOT TESTED and the rest runs; only CI demands it.
$(STAMPS)/helm: tools/install-helm.sh
	@mkdir -p $(STAMPS)
	@if tools/install-helm.sh; then touch $@; fi
