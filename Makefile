# SPDX-License-Identifier: MIT
# What people type. The build itself is Meson's (meson.build); this installs what is missing first.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60

.PHONY: all check bench demo install fuzz clean

all:
	@scripts/install_deps build
	@test -f build/release/build.ninja || meson setup build/release --prefix=$(PREFIX) -Dtests=false -Dstrip=true
	@ninja -C build/release
	@cp -f build/release/src/cli/pitviper build/pitviper
	@ln -sfn release/python build/python

check:
	@scripts/install_deps build check
	@scripts/check $(STAGES)

bench: all
	@scripts/install_deps check
	@bench/run

demo: all
	@scripts/install_deps demo
	@scripts/demo

install: all
	@meson configure build/release -Dprefix=$(abspath $(PREFIX))
	@meson install -C build/release --quiet
	@echo "installed in $(DESTDIR)$(PREFIX)"

# New inputs are kept in build/fuzz/corpus; a crash becomes a file in tests/fuzz/regressions.
fuzz:
	@scripts/install_deps build check
	@scripts/fuzz $(FUZZ_SECONDS)

# The newer release's root and the Python environments take long to make: they stay.
clean:
	@test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name 'sid*' ! -name 'venv*' -exec rm -rf {} +
