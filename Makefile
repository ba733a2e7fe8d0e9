# Isthmus. `make help` lists the targets; docs/testing.md says how long each takes.
SHELL := /bin/sh
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.tools/node/bin:$(CURDIR)/node_modules/.bin:$(PATH)

STAMPS := .tools/stamps

include tools/make/*.mk
