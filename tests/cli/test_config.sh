# .mgitconfig: what it may say, and what mgit says about the rest.
. "$(dirname "$0")/lib.sh"

scenario "unknown keys and sections: once, with the line and what was meant"
make_repository
make_checkpoint model.safetensors 1
cat >.mgitconfig <<'CONFIG'
# mine
[model "net"]
	path = model.safetensors
	pathh = x
	Grahp = net.pt
[modle "x"]
	path = y
[model]
	path = z
[core]
	editor = true
CONFIG
run mgit trust
contains "$errors" "warning: .mgitconfig:4: mgit knows no key 'pathh' in [model \"net\"]; did you mean path?"
contains "$errors" ".mgitconfig:5: mgit knows no key 'grahp' in [model \"net\"]; did you mean graph?"
contains "$errors" ".mgitconfig:7: mgit knows no section [modle \"x\"]; did you mean model?"
contains "$errors" ".mgitconfig:9: a model needs a name"
contains "$errors" ".mgitconfig:11: mgit knows no section [core]"
equal "$(printf '%s' "$errors" | grep -c pathh)" 1
git add .
ok git commit -q -m one
contains "$errors" "warning: .mgitconfig:4: mgit knows no key 'pathh'"
equal "$(printf '%s' "$errors" | grep -c pathh)" 1
ok git commit -q --allow-empty -m two
lacks "$errors" "pathh"

scenario "mistakes have a file and a line"
make_repository
printf '[model "net"]\n\tspec = auto\n' >.mgitconfig
fails_with 128 ".mgitconfig:1: [model \"net\"] has no path" mgit trust
printf '\n[model "net"]\n\tspec = auto\n\tpath = ../x\n' >.mgitconfig
fails_with 128 ".mgitconfig:4: [model \"net\"]: path must stay inside the repository: ../x" mgit trust
git add .mgitconfig
fails_with 0 ".mgitconfig:4: [model \"net\"]: path must stay" git commit -m one
printf '[model "net"\n' >.mgitconfig
fails_with 128 "bad config line 2" mgit trust
contains "$errors" ".mgitconfig: "
git add .mgitconfig
make_checkpoint model.safetensors 1 bad=1@nan
git add model.safetensors
fails_with 1 "warning: .mgitconfig: bad config line 2" git commit -m two
contains "$errors" "bad: 1 value is not finite"

scenario "docs/config.md has every key"
keys=$(sed -n '/kModelKeys{/,/;/s/.*{"\([a-z]*\)", .*/\1/p' "$MGIT_SOURCE/src/git/model_config.cpp")
contains "$keys" "nonfinite"
for key in $keys; do
  grep -q "^## .*$key" "$MGIT_SOURCE/docs/config.md" || fail "docs/config.md has no section for $key"
done
