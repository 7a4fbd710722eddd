# The library of the scenario tests. A scenario is a bash script that begins with
#
#   . "$(dirname "$0")/lib.sh"
#
# and then runs real commands in a temporary directory with its own HOME and git configuration.
# Expectations (ok, fails_with, equal, …) report and go on; any other command that fails ends the
# scenario. The script ends with status 1 if anything failed, 77 if it was skipped.
#
# From ctest: MGIT_BIN (the binary), MGIT_SOURCE, MGIT_BUILD. Trained networks: need_trained makes small
# ones on the spot; MGIT_DATA (default ../shared beside the source) may have larger ones.
set -u
set -E
shopt -s inherit_errexit

: "${MGIT_SOURCE:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${MGIT_BUILD:=$MGIT_SOURCE/build}"
: "${MGIT_BIN:=$MGIT_BUILD/bin/mgit}"
: "${MGIT_DATA:=$MGIT_SOURCE/../shared}"
[ -x "$MGIT_BIN" ] || { echo "no mgit at $MGIT_BIN" >&2; exit 1; }

sandbox=$(mktemp -d "${TMPDIR:-/tmp}/mgit-test.XXXXXX")
export HOME=$sandbox/home
export GIT_CONFIG_GLOBAL=$HOME/.gitconfig GIT_CONFIG_NOSYSTEM=1 XDG_CONFIG_HOME=$HOME/.config
export GIT_TERMINAL_PROMPT=0 GIT_EDITOR=true GIT_PAGER=cat PAGER=cat LC_ALL=C.UTF-8 TZ=UTC
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_TRACE
# The PATH of somebody who has not installed mgit, for what must work without it.
PATH_WITHOUT_MGIT=$PATH
export PATH=$(dirname "$MGIT_BIN"):$PATH
mkdir -p "$HOME"
cat >"$GIT_CONFIG_GLOBAL" <<'CONFIG'
[user]
	name = A Tester
	email = tester@example.com
[init]
	defaultBranch = main
[protocol "file"]
	allow = always
CONFIG

checks=0
failures=0
current=
_finish() {
  local status=$?
  trap - EXIT ERR
  cd /
  if [ "${KEEP_SANDBOX:-}" ]; then
    echo "kept: $sandbox"
  else
    chmod -R u+w "$sandbox" 2>/dev/null
    rm -rf "$sandbox"
  fi
  [ "$failures" = 0 ] || [ "$status" != 0 ] || status=1
  [ "$status" = 77 ] || echo "$checks checks, $failures failed"
  exit "$status"
}
trap _finish EXIT
trap 'failures=$((failures + 1)); echo "FAILED: $current: line $LINENO: $BASH_COMMAND"; exit 1' ERR

# scenario TITLE: a new empty directory to work in; names what follows in reports.
scenario() {
  current=$1
  echo "-- $current"
  local directory
  directory=$(mktemp -d "$sandbox/scenario.XXXXXX")
  cd "$directory"
}

# skip WHY: ends the script here. It counts as skipped if nothing was checked before; what was checked
# counts as it came out. not_run WHY: one scenario less; the script goes on. `./dev test` lists both.
not_run() { echo "SKIPPED: ${current:-$(basename "$0")}: $1" >&2; }
skip() {
  not_run "$1"
  [ "$checks" != 0 ] || exit 77
  exit 0
}

# fail MESSAGE [TEXT]: records a failure, with the text indented below it.
fail() {
  failures=$((failures + 1))
  echo "FAILED: $current: line ${BASH_LINENO[1]:-?}: $1"
  [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/    | /' | head -40
}

# ok COMMAND…: the command must end with status 0. Its stdout is in $output, its stderr in $errors.
ok() {
  checks=$((checks + 1))
  run "$@"
  [ "$status" = 0 ] || fail "status $status: $*" "$output$errors"
}

# fails_with STATUS TEXT COMMAND…: the command must end with that status, and TEXT (if not empty)
# must stand somewhere in what it printed.
fails_with() {
  local wanted=$1 text=$2
  shift 2
  checks=$((checks + 1))
  run "$@"
  [ "$status" = "$wanted" ] || { fail "status $status instead of $wanted: $*" "$output$errors"; return 0; }
  case "$output$errors" in
    *"$text"*) ;;
    *) fail "did not say '$text': $*" "$output$errors" ;;
  esac
}

# run COMMAND…: runs it; sets $status, $output, $errors. Expects nothing.
run() {
  status=0
  "$@" >"$sandbox/output" 2>"$sandbox/errors" || status=$?
  output=$(tr '\0' '\n' <"$sandbox/output")
  errors=$(tr '\0' '\n' <"$sandbox/errors")
}

# equal GOT WANTED [WHAT]
equal() {
  checks=$((checks + 1))
  [ "$1" = "$2" ] || fail "${3:-not equal}" "got:    $1
wanted: $2"
}

# differ A B [WHAT]
differ() {
  checks=$((checks + 1))
  [ "$1" != "$2" ] || fail "${3:-should differ}" "$1"
}

# contains TEXT PART / lacks TEXT PART
contains() {
  checks=$((checks + 1))
  case "$1" in *"$2"*) ;; *) fail "no '$2' in" "$1" ;; esac
}
lacks() {
  checks=$((checks + 1))
  case "$1" in *"$2"*) fail "there is '$2' in" "$1" ;; esac
}

# same_file A B: byte for byte.
same_file() {
  checks=$((checks + 1))
  cmp "$1" "$2" >"$sandbox/output" 2>&1 || fail "$1 is not $2" "$(cat "$sandbox/output")"
}

# is_manifest FILE / is_no_manifest FILE
is_manifest() { equal "$(head -c 17 "$1" | tr -d '\0')" "mgit checkpoint 1" "$1 is not a manifest"; }
is_no_manifest() { differ "$(head -c 17 "$1" | tr -d '\0')" "mgit checkpoint 1" "$1 is a manifest"; }

# digest FILE: its SHA-256.
digest() { sha256sum "$1" | cut -d' ' -f1; }

# need_data NAME…: files in MGIT_DATA (models/…, data/…); skips what follows if one is not there.
need_data() {
  local name
  for name in "$@"; do
    [ -e "$MGIT_DATA/$name" ] || skip "no $name in $MGIT_DATA (set MGIT_DATA)"
  done
}

# need_trained: the folder $trained has pairs of networks trained on drawn digits, once for a build:
#   mlp-1, mlp-2 (.safetensors)      perceptrons of two seeds; mlp.torchscript.pt is their graph
#   share-1, share-2                 the same graph, trained on disjoint, biased shares
#   vgg-1, vgg-2                     convolutions with batch norm; vgg.torchscript.pt
#   digits.safetensors               2000 other pictures to evaluate them on
#   calibration.safetensors          1000 more, without labels, to repair merges with
# Skips what follows in a build without LibTorch.
need_trained() {
  trained=$MGIT_BUILD/trained
  local plugin=$MGIT_BUILD/lib/libmgit_torch.so program=$MGIT_BUILD/bin/train_pairs lock
  [ -e "$plugin" ] || skip "no LibTorch plugin (-DMGIT_TORCH=ON)"
  exec {lock}>"$trained.lock"
  flock "$lock"
  if [ ! -e "$trained" ] || [ "$program" -nt "$trained" ]; then
    rm -rf "$trained" "$trained.new"
    "$program" "$trained.new"
    mv "$trained.new" "$trained"
  fi
  exec {lock}>&-
}

# trained_fork A B [DIRECTORY]: a repository with network A on main and B, trained on its own, on feature.
trained_fork() {
  make_repository "${3:-$1}"
  cp "$trained/$1.safetensors" model.safetensors
  commit_all "Train $1"
  git switch -q -c feature
  cp "$trained/$2.safetensors" model.safetensors
  commit_all "Train $2"
  git switch -q main
}

# own_spec [PATH]: a spec of one's own, for what make_checkpoint makes, and .mgitconfig that names it for this model.
own_spec() {
  printf 'mgit-perm 1\nperm H:16\nfc1.weight: H, _\nfc1.bias: H\nfc2.weight: _, H\nfc2.bias: _\n' >net.perm
  printf '[model "net"]\n\tpath = %s\n\tspec = net.perm\n' "${1:-model.safetensors}" >.mgitconfig
}

# independent_fork [DIRECTORY]: a repository with a model on main, and an independently trained one on feature.
independent_fork() {
  make_repository "${1:-.}"
  make_checkpoint model.safetensors 1
  commit_all "Train on main"
  git switch -q -c feature
  make_checkpoint model.safetensors 2
  commit_all "Train on my share"
  git switch -q main
}

# number JSON KEY…: one value of a JSON document. holds EXPRESSION: arithmetic that must be true.
number() {
  python3 -c 'import json, sys
value = json.loads(sys.argv[1])
for key in sys.argv[2:]: value = value[int(key) if key.lstrip("-").isdigit() else key]
print(value)' "$@"
}
holds() {
  checks=$((checks + 1))
  python3 -c "import sys; sys.exit(not ($1))" || fail "not true: $1"
}

# make_checkpoint FILE SEED [NAME=SHAPE[:DTYPE][@VALUE]]…
#   A small safetensors file without any package: random numbers of the seed (gaussian, float32 unless
#   DTYPE is F64, F16, BF16 or I64), or VALUE everywhere (0, nan, inf). SHAPE as in 16,8; empty for a
#   scalar. By default an MLP of fc1 (16x8) and fc2 (4x16) with biases. ADD=0.01 in the environment
#   adds that times fresh noise of seed ADD_SEED (default 7): a fine-tuned version of the same seed.
make_checkpoint() {
  python3 - "$@" <<'PYTHON'
import json, os, random, struct, sys
path, seed, tensors = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
tensors = tensors or ["fc1.weight=16,8", "fc1.bias=16", "fc2.weight=4,16", "fc2.bias=4"]
normal = random.Random(seed)
noise, scale = random.Random(int(os.environ.get("ADD_SEED", "7"))), float(os.environ.get("ADD", "0"))
def encode(dtype, values):
    if dtype == "I64": return struct.pack("<%dq" % len(values), *[int(100 * v) for v in values])
    if dtype == "BF16":
        return b"".join(struct.pack("<f", v)[2:] for v in values)
    return struct.pack("<%d%s" % (len(values), {"F32": "f", "F64": "d", "F16": "e"}[dtype]), *values)
header, data = {}, b""
for text in tensors:
    name, rest = text.split("=", 1)
    rest, _, value = rest.partition("@")
    shape, _, dtype = rest.partition(":")
    shape, dtype = [int(n) for n in shape.split(",") if n], dtype or "F32"
    count = 1
    for n in shape: count *= n
    values = [float(value)] * count if value else [normal.gauss(0, 1) for _ in range(count)]
    if scale and not value: values = [v + scale * noise.gauss(0, 1) for v in values]
    encoded = encode(dtype, values)
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(encoded)]}
    data += encoded
head = json.dumps(header, separators=(",", ":")).encode()
head += b" " * (-len(head) % 8)
with open(path, "wb") as file: file.write(struct.pack("<Q", len(head)) + head + data)
PYTHON
}

# make_repository [DIRECTORY]: mgit init there (default: here), and go there.
make_repository() {
  mkdir -p "${1:-.}"
  cd "${1:-.}"
  mgit init -q >/dev/null
}

# commit_all MESSAGE: git add -A and commit, quietly.
commit_all() {
  git add -A
  git commit -q -m "$1"
}
