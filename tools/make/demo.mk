.PHONY: demo

demo: install $(STAMPS)/tcpdump ## the main job: three sites, real gateways, load and failures (KEEP=1 leaves it running, JSON=1)
	@bin/isthmus demo $(if $(KEEP),--keep) $(if $(JSON),--json)

# Records the wire between the sites. Where it cannot be had the demo says so; only CI demands it.
$(STAMPS)/tcpdump: tools/install-debian.sh
	@mkdir -p $(STAMPS)
	@if [ "$$(id -u)" = 0 ]; then tools/install-debian.sh tcpdump; fi
	@touch $@
