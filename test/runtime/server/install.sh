#!/usr/bin/env bash
# Installs OpenAI's client for Python, from PyPI, below test/runtime/server/installed. Best effort: the tests skip it where it is not there.
set -uo pipefail
cd "$(dirname "$0")"

OPENAI=3.57.0

if ! installed/bin/python -c "import openai, sys; sys.exit(openai.__version__ != '$OPENAI')" 2>/dev/null; then
  python3 -m venv installed && installed/bin/pip install --quiet --disable-pip-version-check "openai==$OPENAI" ||
    echo "not installed: openai for Python (needs python3 with venv, and PyPI)"
fi
exit 0
