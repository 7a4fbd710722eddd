#!/usr/bin/env python3
"""An S3 server on loopback for tests: moto (from PyPI) behind a check of every signature.

  s3_host.py BUCKET [--log FILE]    makes the bucket; prints "PORT\n" when it listens

Each signed request's signature is computed again, by botocore, from the request as it arrived, with the keys
of the environment; one that differs is answered 403. Requests without one may read what lies below public/.
The log has a line for each request: method, path with query, status, bytes, and "signed" where it was.
"""
import argparse
import hashlib
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
import logging

logging.disable(logging.CRITICAL)
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import ThreadedMotoServer

parser = argparse.ArgumentParser()
parser.add_argument("bucket")
parser.add_argument("--log")
options = parser.parse_args()
keys = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
moto.start()
behind = "http://%s:%d" % moto.get_host_and_port()
requests.put(f"{behind}/{options.bucket}", timeout=10).raise_for_status()
lock = threading.Lock()
session = requests.Session()


class Auth(SigV4Auth):
    """S3 takes the path as it is, and the hash of the body from its header."""

    def _normalize_url_path(self, path):
        return path or "/"

    def payload(self, request):
        return request.headers["X-Amz-Content-SHA256"]


def right_signature(handler, authorization):
    names = re.search("SignedHeaders=([^,]*)", authorization).group(1).split(";")
    request = AWSRequest(method=handler.command, url=f"http://{handler.headers['Host']}{handler.path}",
                         headers={name: handler.headers[name] for name in names})
    request.context["timestamp"] = handler.headers["x-amz-date"]
    region = authorization.split("/")[2]
    auth = Auth(keys, "s3", region)
    canonical = auth.canonical_request(request)
    return auth.signature(auth.string_to_sign(request, canonical), request)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def refuse(self, code):
        self.reply(403, {}, f"<Error><Code>{code}</Code><Message>of the test</Message></Error>".encode())

    def reply(self, status, headers, content):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "server", "date",
                                    "content-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        if options.log:
            signed = "signed" if "Authorization" in self.headers else "open"
            with lock, open(options.log, "a") as log:
                print(self.command, self.path, status, len(content), signed, file=log)

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        authorization = self.headers.get("Authorization")
        if authorization:
            if f"Signature={right_signature(self, authorization)}" not in authorization:
                return self.refuse("SignatureDoesNotMatch")
            said = self.headers["x-amz-content-sha256"]
            if said != hashlib.sha256(body).hexdigest() and said != "UNSIGNED-PAYLOAD":
                return self.refuse("XAmzContentSHA256Mismatch")
        elif not (self.command == "GET" and "public" in self.path):
            return self.refuse("AccessDenied")
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() in ("range", "content-type")}
        headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, " \
                                   "SignedHeaders=host, Signature=0"  # moto reads names, and checks nothing
        answer = session.request(self.command, behind + self.path, data=body, headers=headers, timeout=60)
        self.reply(answer.status_code, answer.headers, answer.content)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = serve


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
