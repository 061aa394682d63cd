# make run: fresh machine to running dashboard. make test: fresh machine to passed tests.
PYTHON := .venv/bin/python
ARGS ?=

.PHONY: run test test-slow lint lock demo screenshots bench clean

run:
	@sh scripts/environment run
	@exec $(PYTHON) manage.py serve $(ARGS)

test:
	@sh scripts/environment dev
	@sh scripts/browser
	$(PYTHON) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

# Every case of the suites of which make test takes a sample.
test-slow:
	@$(MAKE) test ARGS="--whole $(ARGS)"

lint:
	@sh scripts/environment dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m djlint --quiet --check templates
	$(PYTHON) -m djlint --quiet --lint templates
	$(PYTHON) manage.py makemigrations --check --dry-run

# The locks anew, with the newest versions that the ranges in requirements*.txt allow.
lock:
	@sh scripts/lock

demo:
	@sh scripts/environment dev
	@exec $(PYTHON) -m bench.demo $(ARGS)

screenshots:
	@sh scripts/environment dev
	@sh scripts/browser
	$(PYTHON) -m bench.screenshots $(ARGS)

bench:
	@sh scripts/environment dev
	$(PYTHON) -m bench $(ARGS)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache build
