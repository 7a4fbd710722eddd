#!/usr/bin/env python3
"""Remotes on loopback: what goes over the wire, what a delay costs, how fast it is, and many who clone at once.

    remotes.py bytes [--mb N]               payload of each push and clone, beside git-lfs and DVC where they are installed
    remotes.py delay                        round trips of a push and a clone, of few tensors and of many
    remotes.py speed [--mb N]               push and clone beside a copy of one file through the same server
    remotes.py clones [--mb N]              16 clones side by side

Tables are Markdown. Needs NumPy, an sshd, and what the scenarios of Git LFS and S3 need (build/venv). --directory says
where to work; a new folder below it is removed at the end.
"""
import argparse
import filecmp
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from loopback import BUCKET, KEYS, Hosts, Meter
from store import environment, network, save, trained

FILE = "model.safetensors"
TITLES = {"ssh": "ssh", "sftp": "ssh without mgit", "lfs": "Git LFS", "s3": "S3"}


def run(command, directory, **more):
    """Ends the benchmark with what the command said if it fails."""
    done = subprocess.run(["sh", "-ec", command], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=os.environ | more, check=False)
    if done.returncode != 0:
        sys.exit(f"failed: {command}\n{done.stdout}")
    return done.stdout


def timed(command, directory, **more):
    begin = time.monotonic()
    run(command, directory, **more)
    return time.monotonic() - begin


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def heading(*cells):
    row(*cells)
    row(*["---"] + ["---:"] * (len(cells) - 1))


# Bytes on the wire.

class Mgit:
    """`kind` of host, through a meter."""
    def __init__(self, kind, hosts, root):
        self.name = f"mgit, {TITLES[kind]}"
        self.hosts, self.work = hosts, root / f"mgit-{kind}"
        self.meter = Meter(hosts.ports[kind])
        self.url = hosts.url(kind, hosts.repository(self.work.name), self.meter.port)
        run(f"mgit init -q {self.work} && mgit -C {self.work} remote add origin {self.url}", root)

    def commit(self, source):
        if source.resolve() != (self.work / FILE).resolve():
            shutil.copyfile(source, self.work / FILE)
        run("mgit add -A && mgit commit -q -m version", self.work)

    def fork(self, source):
        run("mgit switch -q -c feature HEAD~1", self.work)
        self.commit(source)

    def rebase(self, _):
        run("mgit rebase main", self.work)

    def merge(self, _):
        run("mgit switch -q main && mgit merge -q -m Merge feature", self.work)

    def push(self):
        run("mgit push -q --force origin --all", self.work)

    def clone(self, target):
        run(f"mgit clone -q {self.url} {target}", self.work.parent)

    def second(self, first, target):
        run(f"git worktree add -q --detach {target}", first)


class GitLfs(Mgit):
    """git-lfs, with the same server as mgit's."""
    def __init__(self, hosts, root):
        self.name, self.hosts, self.work = "git-lfs", hosts, root / "git-lfs"
        self.meter = Meter(hosts.ports["lfs"])
        self.url = hosts.url("lfs", hosts.repository("git-lfs"), self.meter.port)
        run(f"git init -q {self.work} && git -C {self.work} remote add origin {self.url}", root)
        run(f"git lfs install --local && git lfs track {FILE} && git config lfs.locksverify false", self.work)

    def commit(self, source, options=""):
        shutil.copyfile(source, self.work / FILE)
        run(f"git add -A && git commit -q {options} -m version", self.work)

    def fork(self, source):
        run("git switch -q -c feature HEAD~1", self.work)
        self.commit(source)

    def rebase(self, source):
        self.commit(source, "--amend")

    def merge(self, source):
        run("git switch -q main && git merge -q -s ours --no-commit feature", self.work)
        self.commit(source)

    def push(self):
        run("git push -q --force origin --all", self.work)

    def clone(self, target):
        run(f"git -c filter.lfs.process='git-lfs filter-process' -c filter.lfs.smudge='git-lfs smudge -- %f' "
            f"-c filter.lfs.clean='git-lfs clean -- %f' -c filter.lfs.required=true clone -q {self.url} {target} && "
            f"cd {target} && git lfs install --local", self.work.parent)


class Dvc(GitLfs):
    """DVC, over ssh for git and for its objects."""
    def __init__(self, hosts, root):
        self.name, self.hosts, self.work = "DVC", hosts, root / "dvc"
        self.meter = Meter(hosts.ports["ssh"])
        self.url = hosts.url("ssh", hosts.repository("dvc"), self.meter.port)
        self.objects = hosts.root / "dvc-objects"
        self.objects.mkdir()
        run(f"git init -q {self.work} && git -C {self.work} remote add origin {self.url}", root)
        run(f"dvc init -q && dvc remote add -d far ssh://{hosts.login()}:{self.meter.port}{self.objects} && "
            f"dvc remote modify far keyfile {hosts.keys}/user", self.work)

    def commit(self, source, options=""):
        shutil.copyfile(source, self.work / FILE)
        run(f"dvc add -q {FILE} && git add -A && git commit -q {options} -m version", self.work)

    def push(self):
        run("git push -q --force origin --all && dvc push -q", self.work)

    def clone(self, target):
        run(f"git clone -q {self.url} {target} && cd {target} && dvc pull -q", self.work.parent)

    def second(self, first, target):
        run(f"git clone -q {self.url} {target} && cd {target} && dvc cache dir --local {first}/.dvc/cache && "
            f"dvc pull -q", first)


PEERS = {"git-lfs": ("git lfs version", GitLfs), "dvc": ("dvc --version", Dvc)}


def bytes_on_the_wire(hosts, root, options):
    first, rng = network(options.mb), np.random.default_rng(3)
    models = {"first": first, "tuned": trained(first, rng, 1, 1e-3), "other": network(options.mb, seed=2)}
    files = {name: root / name for name in [*models, "rebased", "merged"]}
    for name, model in models.items():
        save(files[name], model)
    steps = [("first push", "commit", "first"), ("push of a fine-tune", "commit", "tuned"),
             ("push of a model trained on its own", "fork", "other"), ("push of its rebase", "rebase", "rebased"),
             ("push of the merge", "merge", "merged")]
    tools = [Mgit(kind, hosts, root) for kind in ("ssh", "sftp", "lfs")]
    for name in options.peers:
        probe, peer = PEERS[name]
        if subprocess.run(["sh", "-c", probe], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode != 0:
            print(f"absent: {name}", file=sys.stderr)
            continue
        tools.append(peer(hosts, root))
    table = {title: [] for title in [*(step[0] for step in steps), "clone", "second tree, store shared"]}
    for tool in tools:
        for title, action, name in steps:
            getattr(tool, action)(files[name])
            if not files[name].exists():  # mgit made it
                shutil.copyfile(tool.work / FILE, files[name])
            if not filecmp.cmp(files[name], tool.work / FILE, shallow=False):
                sys.exit(f"{tool.name}: {title}: not the same history")
            tool.meter.taken()
            tool.push()
            table[title].append(tool.meter.taken())
        clones = [root / f"{tool.work.name}-{i}" for i in (1, 2)]
        tool.clone(clones[0])
        table["clone"].append(tool.meter.taken())
        tool.second(*clones)
        table["second tree, store shared"].append(tool.meter.taken())
        for clone in clones:
            if not filecmp.cmp(files["merged"], clone / FILE, shallow=False):
                sys.exit(f"{tool.name}: a clone differs")
    size = files["first"].stat().st_size
    print(f"Payload of TCP, both directions, of a checkpoint of {size:,} bytes; in brackets: % of the checkpoint.\n")
    heading("", *(tool.name for tool in tools))
    for title, taken in table.items():
        row(title, *(f"{bytes / 1e6:.2f} MB ({100 * bytes / size:.2f})" for bytes in taken))


# Delay, speed, clones: of mgit, on each kind of host.

def bench_repository(hosts, root, kind, name, tensors, port):
    """(work tree with one commit, URL, variables, options of a clone) of a new repository on that host."""
    work = root / name
    url = hosts.url(kind, hosts.repository(name), port)
    run(f"mgit init -q {work} && mgit -C {work} remote add origin {url}", root)
    save(work / FILE, tensors)
    run("mgit add -A && mgit commit -q -m version", work)
    if kind != "s3":
        return work, url, {}, ""
    objects = f"s3://{BUCKET}/{name}"
    run(f"git config remote.origin.mgitObjects {objects}", work)
    return work, url, KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}, f"-c remote.origin.mgitObjects={objects}"


def delay(hosts, root, options):
    rng = np.random.default_rng(4)
    counts, wait = (10, 1000), 0.05
    heading("round trips of 50 ms", *(f"{what}, {count:,} tensors" for what in ("push", "clone") for count in counts))
    for kind in options.kinds:
        spent = {}
        for count in counts:
            tensors = {f"t{i}": rng.standard_normal(16).astype(np.float32) for i in range(count)}
            for seconds in (0.0, wait):
                name = f"{kind}-{count}-{seconds}"
                meter = Meter(hosts.ports[kind], seconds)
                work, url, variables, settings = bench_repository(hosts, root, kind, name, tensors, meter.port)
                spent["push", count, seconds] = timed("mgit push -q origin main", work, **variables)
                spent["clone", count, seconds] = timed(f"mgit clone -q {settings} {url} {work}-clone", root, **variables)
        row(TITLES[kind], *(f"{(spent[what, count, wait] - spent[what, count, 0.0]) / wait:.0f}"
                    for what in ("push", "clone") for count in counts))


def lfs_storage(url, file):
    """What tells curl where a server takes a file, by its batch API, and where it has it afterwards."""
    with open(file, "rb") as data:
        oid = hashlib.file_digest(data, "sha256").hexdigest()
    def storage(operation):
        body = {"operation": operation, "transfers": ["basic"], "objects": [{"oid": oid, "size": os.path.getsize(file)}]}
        kind = "application/vnd.git-lfs+json"
        request = urllib.request.Request(f"{url}/info/lfs/objects/batch", json.dumps(body).encode(),
                                         {"Accept": kind, "Content-Type": kind})
        action = json.load(urllib.request.urlopen(request))["objects"][0]["actions"][operation]
        headers = "".join(f"-H '{name}: {value}' " for name, value in action.get("header", {}).items())
        return headers + f"'{action['href']}'"
    return storage


def copies(hosts, kind, url, file, target):
    """Seconds of copying one file there, and back."""
    port = hosts.ports[kind]
    if kind in ("ssh", "sftp"):
        scp = " ".join(["scp", "-q", *hosts.ssh_options(), "-P", str(port)])
        there = f"{hosts.login()}:{hosts.root}/copied"
        return timed(f"{scp} {file} {there}", "."), timed(f"{scp} {there} {target}", ".")
    if kind == "lfs":
        storage = lfs_storage(url, file)
        sent = timed(f"curl -sSf -H 'Content-Type: application/octet-stream' -T {file} {storage('upload')}", ".")
        return sent, timed(f"curl -sSf -o {target} {storage('download')}", ".")
    curl = ("curl -sSf --aws-sigv4 aws:amz:us-east-1:s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "
            f"--user {KEYS['AWS_ACCESS_KEY_ID']}:{KEYS['AWS_SECRET_ACCESS_KEY']}")
    there = f"http://127.0.0.1:{port}/{BUCKET}/copied"
    return timed(f"{curl} -T {file} {there}", "."), timed(f"{curl} -o {target} {there}", ".")


def speed(hosts, root, options):
    tensors = network(options.mb)
    print("Logical MB/s; in brackets: % of the slower one of a copy and, of a clone, decoding.\n")
    heading("", "push", "copy there", "clone", "copy back", "checkout alone")
    for kind in options.kinds:
        work, url, variables, settings = bench_repository(hosts, root, kind, kind, tensors, hosts.ports[kind])
        size = (work / FILE).stat().st_size / 1e6
        there, back = copies(hosts, kind, url, work / FILE, root / "copied")
        push = timed("mgit push -q origin main", work, **variables)
        clone = timed(f"mgit clone -q {settings} {url} {root}/clone", root, **variables)
        (root / "clone" / FILE).unlink()
        checkout = timed(f"mgit checkout -q -- {FILE}", root / "clone")
        if not filecmp.cmp(work / FILE, root / "clone" / FILE, shallow=False):
            sys.exit(f"{kind}: the clone differs")
        row(TITLES[kind], f"{size / push:.0f} ({100 * there / push:.0f})", f"{size / there:.0f}",
            f"{size / clone:.0f} ({100 * max(back, checkout) / clone:.0f})", f"{size / back:.0f}",
            f"{size / checkout:.0f}")
        shutil.rmtree(root / "clone")


def clones(hosts, root, options, many=16):
    tensors = network(options.mb)
    heading("", "clones", "failed", "seconds", "logical MB/s together")
    for kind in options.kinds:
        work, url, variables, settings = bench_repository(hosts, root, kind, kind, tensors, hosts.ports[kind])
        run("mgit push -q origin main", work, **variables)
        targets = [root / f"{kind}-{i}" for i in range(many)]
        begin = time.monotonic()
        running = [subprocess.Popen(f"mgit clone -q {settings} {url} {target}", shell=True, env=os.environ | variables)
                   for target in targets]
        statuses = [clone.wait() for clone in running]
        seconds = time.monotonic() - begin
        failed = sum(status != 0 or not filecmp.cmp(work / FILE, target / FILE, shallow=False)
                     for status, target in zip(statuses, targets))
        row(TITLES[kind], many, failed, f"{seconds:.0f}", f"{many * (work / FILE).stat().st_size / 1e6 / seconds:.0f}")
        for target in targets:
            shutil.rmtree(target, ignore_errors=True)


MEASURES = {"bytes": (bytes_on_the_wire, 40), "delay": (delay, 0), "speed": (speed, 400), "clones": (clones, 1000)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=MEASURES)
    parser.add_argument("--mb", type=int, help="of the checkpoint")
    parser.add_argument("--kinds", nargs="+", choices=TITLES, default=list(TITLES), help="of hosts; not for bytes")
    parser.add_argument("--directory")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    options = parser.parse_args()
    measure, megabytes = MEASURES[options.what]
    options.mb = options.mb or megabytes
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        environment(folder)
        hosts = Hosts(Path(folder) / "hosts")
        try:
            measure(hosts, Path(folder), options)
        finally:
            hosts.stop()


if __name__ == "__main__":
    main()
