"""Runs a program at a terminal and types: python3 terminal.py STEPS PROGRAM ARGUMENTS...

STEPS is JSON: a list of [what to wait for on the screen, what to type then]; null waits for anything. Prints, as JSON, what came on the
screen and the exit code.
"""

import json
import os
import pty
import select
import sys
import time

steps = json.loads(sys.argv[1])
child, screen = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen, since, end = "", 0, time.time() + 120
try:
    while time.time() < end:
        new = seen[since:]
        if steps and (steps[0][0] in new if steps[0][0] is not None else new != ""):
            # What came behind it is for the next step.
            since = len(seen) if steps[0][0] is None else since + new.index(steps[0][0]) + len(steps[0][0])
            os.write(screen, steps.pop(0)[1].encode())
        if select.select([screen], [], [], 0.05)[0]:
            data = os.read(screen, 65536)
            if not data:
                break
            seen += data.decode("utf-8", "replace")
except OSError:
    pass  # The program has ended.
if time.time() >= end:
    os.kill(child, 9)
status = os.waitpid(child, 0)[1]
code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
print(json.dumps(dict(screen=seen, code=code, left=len(steps))))
