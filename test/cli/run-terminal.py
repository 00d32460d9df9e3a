"""Runs a command whose standard input is a terminal: what comes in here is typed there."""

import os
import pty
import subprocess
import sys
import threading

keyboard, screen = pty.openpty()
child = subprocess.Popen(sys.argv[1:], stdin=screen)
os.close(screen)


def type_along():
    while typed := os.read(0, 4096):
        os.write(keyboard, typed)


threading.Thread(target=type_along, daemon=True).start()
sys.exit(child.wait())
