#!/usr/bin/env bash
# examples/paper: the paper's pictures by one command; here of small networks that are hardly trained. Needs a
# Python with torch, which is too much to install for a test:
#   MGIT_TRANSFORMERS_PYTHON=venv/bin/python bash tests/cli/test_paper.sh
. "$(dirname "$0")/lib.sh"

python=${MGIT_TRANSFORMERS_PYTHON:-python3}
current="the paper's pictures"
[ -e "$MGIT_BUILD/lib/libmgit_torch.so" ] || skip "no LibTorch plugin (-DMGIT_TORCH=ON)"
need_data data/train-images-idx3-ubyte.gz data/t10k-labels-idx1-ubyte.gz
"$python" -c 'import torch' 2>/dev/null || skip "no torch in $python (set MGIT_TRANSFORMERS_PYTHON)"

paper() {
  ok "$python" "$MGIT_SOURCE/examples/paper/paper.py" --data "$MGIT_DATA/data" --out paper --widths 16,64 --resnets 4 \
    --epochs 3 --resnet-epochs 1 --models 3 --images 8000 --test-images 1000
}

scenario "the paper's pictures"
paper
for picture in width-mlp training shares many width-resnet; do
  contains "$(cat paper/README.md)" "($picture.svg)"
  python3 -c "import sys, xml.dom.minidom as x; assert x.parse(sys.argv[1]).getElementsByTagName('path')" "paper/$picture.svg"
done
# width | barrier | after a rebase
read -r before after < <(sed -n 's/^| 64 | \([0-9.]*\) | \([0-9.]*\) |.*/\1 \2/p' paper/README.md)
holds "$before > 0.1"
holds "$after < 0.5 * $before"
first=$(cat paper/README.md)
paper
lacks "$errors" "training"
equal "$(cat paper/README.md)" "$first" "the second time"
fails_with 1 "MNIST's four files" "$python" "$MGIT_SOURCE/examples/paper/paper.py" --data .
