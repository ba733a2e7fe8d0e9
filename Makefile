# Isthmus. `make help` lists the targets; docs/testing.md says how long each takes.
SHELL := /bin/sh
.DEFAULT_GOAL := help
# Stripped and compiled sources, shared by all test and tool processes of this checkout.
export NODE_COMPILE_CACHE := $(CURDIR)/.tools/compile-cache
export PATH := $(CURDIR)/.tools/node/bin:$(CURDIR)/node_modules/.bin:$(PATH)

STAMPS := .tools/stamps

include tools/make/*.mk
