#!/usr/bin/env python3
"""A host of git repositories over HTTP on loopback, for tests.

  git_host.py ROOT [option…]        prints "PORT\n" when it listens

Below ROOT lie bare repositories, served by git http-backend, and with --lfs a Git LFS server for each
(giftless, from PyPI; its objects are kept below ROOT/lfs). --static serves ROOT as plain files instead.

  --auth USER:PASSWORD   everything needs them but what the Git LFS server signs itself
  --log FILE             a line for each request: method, path, status, bytes in, bytes out, "auth" where it
                         had credentials
  --redirect ORIGIN      downloads of the Git LFS server are to be had there
  --fault KIND=CHANCE    500, 503, 429 (with Retry-After: 0) or "cut" (the connection ends in the middle
                         of the answer, or of the request): for so many of the requests, any number of times
  --only PART            faults hit paths with this part only
  --seed N               of the faults
  --delay MS             before each answer
  --no-ranges            of plain files
  --lfs-ranges           of the Git LFS server's files, as those have them that keep them in object storage
  --tls CERT KEY         https
"""
import argparse
import base64
import io
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

parser = argparse.ArgumentParser()
parser.add_argument("root", type=Path)
parser.add_argument("--lfs", action="store_true")
parser.add_argument("--static", action="store_true")
parser.add_argument("--auth")
parser.add_argument("--log", type=Path)
parser.add_argument("--redirect")
parser.add_argument("--fault", action="append", default=[])
parser.add_argument("--only", default="")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--delay", type=float, default=0)
parser.add_argument("--no-ranges", action="store_true")
parser.add_argument("--lfs-ranges", action="store_true")
parser.add_argument("--tls", nargs=2)
options = parser.parse_args()
root = options.root.resolve()
faults = [(kind, float(chance)) for kind, chance in (fault.split("=") for fault in options.fault)]
chance = random.Random(options.seed)
lock = threading.Lock()
lfs_app = None
if options.lfs:
    import warnings
    warnings.simplefilter("ignore")
    from giftless.app import init_app
    lfs_app = init_app(additional_config={
        "AUTH_PROVIDERS": ["giftless.auth.allow_anon:read_write"],
        "TRANSFER_ADAPTERS": {"basic": {
            "factory": "giftless.transfer.basic_streaming:factory",
            "options": {"storage_class": "giftless.storage.local_storage:LocalStorage",
                        "storage_options": {"path": str(root / "lfs")}}}}})


class Cut(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            whole = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, headers, content):
        fault = self.fault if self.fault == "cut" else None
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:len(content) // 2] if fault else content)
        self.wfile.flush()
        self.sent = len(content)
        self.status = status
        if fault:
            raise Cut

    def serve(self):
        self.status, self.sent, received, self.fault = 0, 0, 0, None
        path = urlsplit(self.path).path
        if options.only in path:
            with lock:
                draw = chance.random()
            for kind, part in faults:
                if draw < part:
                    self.fault = kind
                    break
                draw -= part
        try:
            if self.fault == "cut" and chance.random() < 0.5:
                self.rfile.read(min(1000, int(self.headers.get("Content-Length") or 0)))
                raise Cut
            content = self.body()
            received = len(content)
            time.sleep(options.delay / 1000)
            if self.fault in ("500", "503", "429"):
                self.answer(int(self.fault), [("Retry-After", "0")], b"a fault of the test")
            elif options.auth and "/objects/storage/" not in path and self.headers.get("Authorization") != \
                    "Basic " + base64.b64encode(options.auth.encode()).decode():
                self.answer(401, [("WWW-Authenticate", 'Basic realm="test"')], b"who are you?")
            elif options.redirect and self.command == "GET" and "/objects/storage/" in path:
                self.answer(302, [("Location", options.redirect + path)], b"")
            elif options.static:
                self.plain_file(path)
            elif lfs_app and ("/info/lfs/" in path or "/objects/storage/" in path):
                self.wsgi(lfs_app, content)
            else:
                self.git(path, content)
        except (Cut, ConnectionError):
            self.status = self.status or 0
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if options.log:
            with lock, options.log.open("a") as log:
                auth = "auth" if "Authorization" in self.headers else "-"
                print(self.command, path, self.status, received, self.sent, auth, file=log)

    do_GET = do_POST = do_PUT = do_HEAD = serve

    def plain_file(self, path):
        file = (root / unquote(path).lstrip("/")).resolve()
        if not file.is_file() or root not in file.parents:
            return self.answer(404, [], b"no such file")
        asked = self.headers.get("Range")
        if not asked or options.no_ranges:
            return self.answer(200, [], file.read_bytes())
        self.part(file, asked)

    def part(self, file, asked):
        size = file.stat().st_size
        begin, _, end = asked.removeprefix("bytes=").partition("-")
        begin, end = int(begin), min(int(end) if end else size - 1, size - 1)
        with file.open("rb") as whole:
            whole.seek(begin)
            self.answer(206, [("Content-Range", f"bytes {begin}-{end}/{size}")], whole.read(end + 1 - begin))

    def environment(self, content):
        parts = urlsplit(self.path)
        environment = {
            "REQUEST_METHOD": self.command, "PATH_INFO": unquote(parts.path), "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(content)),
            "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": ""}
        for name, value in self.headers.items():
            environment["HTTP_" + name.upper().replace("-", "_")] = value
        return environment

    def wsgi(self, app, content):
        said = []
        environment = self.environment(content) | {
            "wsgi.version": (1, 0), "wsgi.url_scheme": "https" if options.tls else "http",
            "wsgi.input": io.BytesIO(content), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
            "wsgi.multiprocess": False, "wsgi.run_once": False}
        result = app(environment, lambda status, headers, *_: said.append((status, headers)))
        status, headers = said[-1]
        asked = self.headers.get("Range")
        if options.lfs_ranges and asked and status.startswith("200") and self.command == "GET":
            getattr(result, "close", lambda: None)()
            return self.part(root / "lfs" / urlsplit(self.path).path.lstrip("/").replace("objects/storage/", ""), asked)
        self.answer(int(status.split()[0]), headers, b"".join(result))

    def git(self, path, content):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        environment |= {k: v for k, v in self.environment(content).items() if k != "HTTP_AUTHORIZATION"}
        environment |= {"GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "tester"}
        ran = subprocess.run(["git", "http-backend"], input=content, env=environment,
                             stdout=subprocess.PIPE, check=False)
        head, _, body = ran.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if ": " in line]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.answer(status, [h for h in headers if h[0] != "Status"], body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
if options.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*options.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
