# What scenarios of mgit verify and of the hook of a server share; after lib.sh.

# verified STATUS TEXT [ARGUMENT…]: mgit verify ends with that status and says TEXT.
verified() {
  local status=$1 text=$2
  shift 2
  fails_with "$status" "$text" mgit verify "$@"
}

# refused TEXT COMMAND…: a push that the server refuses, saying TEXT; its refs stay.
refused() {
  local text=$1 before
  shift
  before=$(git -C "$server" for-each-ref)
  fails_with 1 "$text" "$@"
  contains "$errors" "remote: error: "
  equal "$(git -C "$server" for-each-ref | grep refs/heads)" "$(grep refs/heads <<<"$before")" "refs stay"
}

# with_server: a bare repository with the hook, as origin, that has main.
with_server() {
  server=$PWD/../server.git
  git init -q --bare "$server"
  server=$(cd "$server" && pwd)
  (cd "$server" && mgit install --server)
  git remote add origin "$server"
  ok git push -q origin main
}

# rebased_fork: main, and feature, trained on its own in two commits, rebased onto it.
rebased_fork() {
  independent_fork repository
  git switch -q feature
  ADD=0.01 make_checkpoint model.safetensors 2
  commit_all "Train on"
  git switch -q main
  mgit rebase feature onto main >/dev/null 2>&1
}
