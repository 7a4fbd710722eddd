# Servers on loopback for scenarios about remotes; after lib.sh.
server_python=$MGIT_BUILD/venv/bin/python
servers=()
stop_servers() {
  local server
  for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
  servers=()
}
trap 'stop_servers; _finish' EXIT

# wait_for_line FILE: until a server has said where it listens; sets $line.
wait_for_line() {
  local tries
  for tries in $(seq 300); do
    line=$(head -n 1 "$1" 2>/dev/null)
    [ -z "$line" ] || return 0
    sleep 0.1
  done
  fail "a server did not start" "$(cat "$1".errors)"
  exit 1
}

# git_host ROOT [option…]: tests/support/git_host.py; sets $port.
git_host() {
  local said
  said=$(mktemp -p "$sandbox")
  "$server_python" "$MGIT_SOURCE/tests/support/git_host.py" "$@" >"$said" 2>"$said.errors" &
  servers+=($!)
  wait_for_line "$said"
  port=$line
}

# need_servers MODULE…: skips what follows without these Python packages.
need_servers() {
  "$server_python" -c "import $(printf '%s,' "$@" | sed 's/,$//')" 2>/dev/null ||
    skip "no $* in $MGIT_BUILD/venv (./dev test installs them)"
}

# bare_host DIRECTORY: a bare repository that takes pushes over HTTP.
bare_host() {
  git init -q --bare "$1"
  git -C "$1" config http.receivepack true
}

# sent_bytes LOG: of all requests, in and out.
sent_bytes() { awk '{ bytes += $4 + $5 } END { print bytes + 0 }' "$1"; }
