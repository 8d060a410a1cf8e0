# Verbs only; `make help` is the index. What a verb does stands in slipway/, tools/ or tests/.
include versions.env
.DEFAULT_GOAL := help
UV := tools/uv
# What the platform itself needs, and what developing it needs. --inexact: one never removes the other's.
ANNOUNCE = [ -d .venv ] || echo "Installing the environment, once"
INSTALL = $(ANNOUNCE); $(UV) sync --frozen --inexact --quiet --no-default-groups
INSTALL_DEV = $(ANNOUNCE); $(UV) sync --frozen --inexact --quiet
SLIPWAY := $(UV) run --no-sync slipway

##@ The platform on this machine

.PHONY: up
up: ## Start everything and load the demo data; ORDERS=1000 for a smaller history
	@$(INSTALL)
	@$(SLIPWAY) up $(if $(ORDERS),--demo-args "orders: --orders $(ORDERS)")

.PHONY: status
status: ## Show every process and code location
	@$(SLIPWAY) status

.PHONY: logs
logs: ## Show the ends of the logs; NAME=daemon for one of them
	@$(SLIPWAY) logs $(NAME)

.PHONY: reload
reload: ## Serve changed code; NAME=orders for one code location
	@$(SLIPWAY) reload $(NAME)

.PHONY: down
down: ## Stop everything; the data stays
	@$(SLIPWAY) down

.PHONY: clean
clean: ## Stop everything and delete all data (asks)
	@$(SLIPWAY) clean

.PHONY: backfill
backfill: ## Materialize days: ASSETS=daily_orders FROM=2026-03-01 TO=2026-03-31 (docs/backfills.md)
	@$(SLIPWAY) backfill $(ASSETS) $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO)) $(OPTIONS)

.PHONY: catch-up
catch-up: ## Materialize the days that were missed, or failed; OPTIONS=--dry-run only lists them
	@$(SLIPWAY) catch-up $(OPTIONS)

##@ A cluster on this machine

.PHONY: kind-up
kind-up: ## Create a Kubernetes cluster with a registry, from nothing (docs/kind.md); NODES=2 for more nodes
	@$(INSTALL)
	@$(SLIPWAY) kind up $(if $(NODES),--nodes $(NODES))

.PHONY: kind-down
kind-down: ## Delete the cluster; OPTIONS=--caches for all that was built, too
	@$(INSTALL)
	@$(SLIPWAY) kind down $(OPTIONS)

##@ Deploying

.PHONY: images
images: ## Build the images that have changed; NAME=orders for one, OPTIONS=--push (docs/images.md)
	@$(INSTALL)
	@$(SLIPWAY) images build $(NAME) $(OPTIONS)

.PHONY: deploy
deploy: ## Install or upgrade an environment: ENV=kind; NAME=orders for one release; BUNDLE=file (docs/deploy.md)
	@$(INSTALL)
	@$(SLIPWAY) deploy $(if $(ENV),--env $(ENV)) $(if $(BUNDLE),--bundle $(BUNDLE)) $(NAME) $(OPTIONS)

.PHONY: diff
diff: ## Show what `make deploy ENV=kind` would change
	@$(INSTALL)
	@$(SLIPWAY) diff $(if $(ENV),--env $(ENV)) $(NAME)

.PHONY: values
values: ## Write what values take from an environment's Terraform: ENV=prod; OUTPUTS=file (docs/aws.md)
	@$(INSTALL)
	@$(SLIPWAY) generate-values $(if $(ENV),--env $(ENV)) $(if $(OUTPUTS),--outputs $(OUTPUTS))

.PHONY: bundle
bundle: ## Write images, charts and checksums into one archive, to deploy where there is no internet: ENV=prod
	@$(INSTALL)
	@$(SLIPWAY) bundle $(if $(ENV),--env $(ENV)) $(NAME) $(OPTIONS)

##@ Development

.PHONY: new
new: ## Create a code location from the template; NAME=shop_returns
	@$(INSTALL)
	@$(SLIPWAY) new $(NAME)

.PHONY: install
install: ## Install the development environments, the root's and every code location's
	@$(INSTALL_DEV)
	@for location in code_locations/*/; do $(UV) sync --frozen --quiet --project $$location; done
	@$(SLIPWAY) prepare

.PHONY: format
format: install ## Rewrite the code the way lint wants it
	@$(UV) run --no-sync ruff format . && $(UV) run --no-sync ruff check --fix .

.PHONY: lint
lint: install ## Check style and types; writes nothing
	@tools/lint

.PHONY: test
test: install ## Everything that must hold before a change lands
	@tools/test

.PHONY: test-long
test-long: install ## The long scenarios: backfills of a year, thousands of files, a fresh machine
	@tools/test-long

.PHONY: test-kind
test-kind: install ## What needs a cluster; `make kind-up` is part of it
	@tools/test-kind

.PHONY: test-terraform
test-terraform: install ## Apply all of AWS' dev environment to a stand-in, plan it again, destroy it
	@tools/test-terraform

.PHONY: bench-io
bench-io: install ## Measure the Parquet IO manager against Dagster's S3 pickle IO manager
	@$(UV) run --no-sync python bench/io.py

.PHONY: bench-images
bench-images: install ## Measure our images against the official user-code image
	@$(UV) run --no-sync python bench/images.py

.PHONY: bench-launch
bench-launch: install ## Measure launches, bursts and idle CPU against the official chart on the kind cluster; OPTIONS=--help
	@$(UV) run --no-sync python bench/launch.py $(OPTIONS)

.PHONY: help
help: ## This list
	@awk -f tools/help.awk $(MAKEFILE_LIST)
