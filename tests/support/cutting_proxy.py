#!/usr/bin/env python3
"""Connections that end in the middle, for tests.

  cutting_proxy.py listen PORT     passes connections on to PORT on loopback; prints "PORT\n" when it listens
  cutting_proxy.py run COMMAND     runs a shell command with its input and output passed on

Of the connections (or runs), each with the chance that the file $MGIT_CUT says ("CHANCE BYTES"; none while it is
not there) ends once a number of bytes went over it in both directions, drawn up to BYTES, of each magnitude as
often. It ends without a farewell: a reset, or a killed command and status 255. A line for each cut is added to the file $MGIT_CUT.log.
"""
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading


def drawn():
    """Bytes until the cut; infinity for none."""
    try:
        with open(os.environ["MGIT_CUT"]) as file:
            chance, most = file.read().split()
    except FileNotFoundError:
        return float("inf")
    return int(float(most) ** random.random()) if random.random() < float(chance) else float("inf")


class Budget:
    def __init__(self, end):
        self.left = drawn()
        self.end = end
        self.lock = threading.Lock()

    def take(self, count):
        """How many of these bytes may still pass; calls end() when that is not all."""
        with self.lock:
            granted = int(min(count, self.left))
            self.left -= granted
        return granted

    def cut(self):
        with self.lock:
            end, self.end = self.end, None
        if end:
            with open(os.environ["MGIT_CUT"] + ".log", "a") as log:
                log.write("cut\n")
            end()


def relay(read, write, close, budget):
    try:
        while part := read(65536):
            granted = budget.take(len(part))
            write(part[:granted])
            if granted < len(part):
                return budget.cut()
    except OSError:
        pass
    close()


def reset(*sockets):
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        each.close()


def half_close(each):
    try:
        each.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def listen(port):
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(server.getsockname()[1], flush=True)
    while True:
        near, _ = server.accept()
        far = socket.create_connection(("127.0.0.1", port))
        budget = Budget(lambda near=near, far=far: reset(near, far))
        for source, target in ((near, far), (far, near)):
            threading.Thread(target=relay, daemon=True, args=(
                source.recv, target.sendall, lambda target=target: half_close(target), budget)).start()


def run(command):
    process = subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               start_new_session=True)

    def end():
        os.killpg(process.pid, signal.SIGKILL)
        os._exit(255)

    budget = Budget(end)

    def write(part):
        process.stdin.write(part)
        process.stdin.flush()

    def answer(part):
        while part:
            part = part[os.write(1, part):]

    threading.Thread(target=relay, daemon=True, args=(
        lambda count: os.read(0, count), write, process.stdin.close, budget)).start()
    relay(process.stdout.read1, answer, lambda: None, budget)
    os._exit(process.wait())


random.seed(int(os.environ.get("MGIT_CUT_SEED", "0")) * 1_000_003 + os.getpid())
if sys.argv[1] == "listen":
    listen(int(sys.argv[2]))
else:
    run(" ".join(sys.argv[2:]))
