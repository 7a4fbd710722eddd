# Thousands of files: nothing hangs, nothing takes longer than the files do.
. "$(dirname "$0")/lib.sh"

# within SECONDS COMMAND…: ok, and in that time at most.
within() { ok timeout "$@"; }

scenario "6,000 ordinary files: more names than a pipe holds"
make_repository
mkdir data
for i in $(seq -w 6000); do echo "$i" >"data/sample-with-a-name-of-some-length-$i.txt"; done
within 30 mgit add .
equal "$(git ls-files data | wc -l)" 6000
within 30 git commit -qm "data"
within 30 mgit gc
