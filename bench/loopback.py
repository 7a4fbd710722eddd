"""Hosts on loopback for bench/remotes.py: ssh with mgit and without, git over HTTP with Git LFS, S3; and a meter to put
before each."""
import getpass
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SUPPORT = PROJECT / "tests" / "support"
SERVER_PYTHON = os.environ.get("MGIT_SERVER_PYTHON", str(PROJECT / "build" / "venv" / "bin" / "python"))
BUCKET = "lab"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def path_without(program):
    return ":".join(place for place in os.environ["PATH"].split(":") if not os.path.exists(f"{place}/{program}"))


class Meter:
    """A TCP proxy to a port of this machine. It counts the payload of both directions in `bytes`, and holds each
    piece back for half of `delay` seconds; what is sent first on a connection, for `delay` more, as a handshake
    takes that long."""

    def __init__(self, port, delay=0.0):
        self.there, self.delay, self.bytes = port, delay, 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            here, _ = self.listener.accept()
            there = socket.create_connection(("127.0.0.1", self.there))
            for end in (here, there):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened = time.monotonic() + self.delay
            for source, target in ((here, there), (there, here)):
                pieces = queue.Queue()
                threading.Thread(target=self.take, args=(source, pieces, opened), daemon=True).start()
                threading.Thread(target=self.give, args=(pieces, target), daemon=True).start()

    def take(self, source, pieces, opened):
        piece = b"first"
        while piece:
            try:
                piece = source.recv(1 << 18)
            except OSError:
                piece = b""
            with self.lock:
                self.bytes += len(piece)
            pieces.put((max(time.monotonic(), opened) + self.delay / 2, piece))

    def give(self, pieces, target):
        piece = b"first"
        while piece:
            due, piece = pieces.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                target.sendall(piece) if piece else target.shutdown(socket.SHUT_WR)
            except OSError:
                return

    def taken(self):
        """Bytes since the last call."""
        time.sleep(0.2)
        with self.lock:
            taken, self.bytes = self.bytes, 0
        return taken


class Hosts:
    """All of them below one directory, until stop(). `ports`: of ssh, sftp (ssh where mgit is missing), lfs and s3."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.root = self.directory / "root"
        (self.root / "lab").mkdir(parents=True)
        self.servers, self.ports = [], {}
        self.keys = self.directory / "keys"
        self.make_keys()
        self.ports["ssh"] = self.start_sshd("ssh", os.environ["PATH"])
        self.ports["sftp"] = self.start_sshd("sftp", path_without("mgit"))
        self.ports["lfs"] = self.start_python("git_host.py", str(self.root), "--lfs", "--lfs-ranges")
        self.ports["s3"] = self.start_python("s3_host.py", BUCKET)

    def start_python(self, script, *arguments):
        server = subprocess.Popen([SERVER_PYTHON, str(SUPPORT / script), *arguments], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, env=os.environ | KEYS)
        self.servers.append(server)
        return int(server.stdout.readline())

    def make_keys(self):
        self.keys.mkdir()
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.keys / name)], check=True)
        os.environ["GIT_SSH_COMMAND"] = " ".join(["ssh", *self.ssh_options()])

    def start_sshd(self, name, path):
        """One with `path` as the PATH of what it starts."""
        port, config = free_port(), self.keys / f"{name}_config"
        config.write_text(f"Port {port}\nListenAddress 127.0.0.1\nHostKey {self.keys}/host\n"
                          f"AuthorizedKeysFile {self.keys}/user.pub\nPidFile none\nStrictModes no\nMaxStartups 50\n"
                          f"Subsystem sftp internal-sftp\n"
                          f"SetEnv PATH={path} GIT_CONFIG_GLOBAL={os.environ['GIT_CONFIG_GLOBAL']}\n")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
        self.servers.append(subprocess.Popen([sshd, "-D", "-f", str(config)], stderr=subprocess.DEVNULL))
        for _ in range(50):
            if subprocess.run(["ssh", *self.ssh_options(), "-p", str(port), self.login(), "true"],
                              stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return port
            time.sleep(0.1)
        sys.exit("sshd does not let us in")

    def ssh_options(self):
        return ["-F", "/dev/null", "-i", f"{self.keys}/user", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", "LogLevel=ERROR", "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no"]

    def login(self):
        return f"{getpass.getuser()}@127.0.0.1"

    def repository(self, name):
        """A new bare one, on the ssh host and on the one with Git LFS."""
        path = self.root / "lab" / f"{name}.git"
        subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
        subprocess.run(["git", "-C", str(path), "config", "http.receivepack", "true"], check=True)
        return path

    def url(self, kind, repository, port):
        """Of a repository, for git, when `port` leads to the host of that kind."""
        if kind == "lfs":
            return f"http://127.0.0.1:{port}/lab/{repository.name}"
        return str(repository) if kind == "s3" else f"ssh://{self.login()}:{port}{repository}"

    def stop(self):
        for server in self.servers:
            server.terminate()
        for server in self.servers:
            server.wait()
