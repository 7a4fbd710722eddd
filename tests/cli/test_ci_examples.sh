# examples/ci: valid YAML, and its shell lines do in a local repository what they say.
. "$(dirname "$0")/lib.sh"
python=$MGIT_BUILD/venv/bin/python
"$python" -c 'import yaml' 2>/dev/null || python=python3
"$python" -c 'import yaml' 2>/dev/null || skip "no pyyaml package in $MGIT_BUILD/venv (./dev test installs it)"

# lines FILE KEY…: the text at that place.
lines() {
  "$python" - "$@" <<'PYTHON'
import sys, yaml
value = yaml.safe_load(open(sys.argv[1]))
for key in sys.argv[2:]: value = value[int(key) if key.isdigit() else key]
print("\n".join(value) if isinstance(value, list) else value)
PYTHON
}

# pull_request: a bare origin with main and a branch, and a runner's clone at the branch's commit.
pull_request() {
  git init -q --bare origin.git
  make_repository author
  make_checkpoint model.safetensors 1
  commit_all "Train"
  git remote add origin ../origin.git
  mgit push -q origin main 2>/dev/null
  git switch -q -c 'odd$(echo>pwned)'
  ADD=0.01 make_checkpoint model.safetensors 1
  commit_all "Fine-tune"
  mgit push -q origin HEAD 2>/dev/null
  cd ..
  git clone -q origin.git runner
  cd runner
  git checkout -q --detach 'origin/odd$(echo>pwned)'
  mkdir ../bin
  export PATH=$PWD/../bin:$PATH
}

scenario "the workflow for GitHub"
pull_request
example=$MGIT_SOURCE/examples/ci/github.yml
equal "$(lines "$example" permissions pull-requests)" "write"
equal "$(lines "$example" jobs request steps 0 with fetch-depth)" "0"
lacks "$(lines "$example" jobs request steps 1 run)" '${{'
lacks "$(lines "$example" jobs request steps 2 run)" '${{'
printf '#!/bin/sh\necho "$@" >>../said\nfor last; do :; done\ncp "$last" ../posted\ncase " $* " in *" --edit-last "*) exit 1;; esac\n' >../bin/gh
chmod +x ../bin/gh
BASE=main BRANCH='odd$(echo>pwned)' GITHUB_STEP_SUMMARY=../summary ok bash -e -c "$(lines "$example" jobs request steps 1 run)"
contains "$(cat ../summary)" '## Models of `odd$(echo>pwned)` for `origin/main`'
NUMBER=7 GH_TOKEN=x ok bash -e -c "$(lines "$example" jobs request steps 2 run)"
equal "$(cat ../said)" "pr comment 7 --edit-last --body-file request.md
pr comment 7 --body-file request.md"
same_file ../posted ../summary
[ ! -e pwned ] || fail "the branch's name was run"

scenario "the job for GitLab"
pull_request
example=$MGIT_SOURCE/examples/ci/gitlab.yml
printf '#!/bin/sh\necho "$@" >../said\ncat >../header\ncp request.md ../posted\n' >../bin/curl
chmod +x ../bin/curl
export CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main CI_MERGE_REQUEST_SOURCE_BRANCH_NAME='odd$(echo>pwned)'
export CI_API_V4_URL=https://gitlab.example/api/v4 CI_PROJECT_ID=3 CI_MERGE_REQUEST_IID=7
MGIT_REQUEST_TOKEN=secret ok bash -e -c "$(lines "$example" "mgit request" script)"
contains "$(cat ../posted)" '## Models of `odd$(echo>pwned)` for `origin/main`'
contains "$(cat ../said)" "https://gitlab.example/api/v4/projects/3/merge_requests/7/notes"
lacks "$(cat ../said)" "secret"
equal "$(cat ../header)" "PRIVATE-TOKEN: secret"
rm ../said
ok bash -e -c "$(lines "$example" "mgit request" script)"
[ ! -e ../said ] || fail "it posted without a token"
[ ! -e pwned ] || fail "the branch's name was run"
