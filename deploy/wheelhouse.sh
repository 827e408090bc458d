#!/usr/bin/env bash
# Fills a folder with everything that a machine without internet needs to install fedcmr.
#
#   deploy/wheelhouse.sh FOLDER [OPTIONS FOR `pip download`]
#
# Run it on a connected machine with the same operating system, processor and Python 3.11. Then, on
# the other side:
#
#   (cd FOLDER && sha256sum --check --quiet SHA256SUMS)
#   python3.11 -m venv /opt/fedcmr
#   /opt/fedcmr/bin/pip install --no-index --find-links FOLDER fedcmr
#
# PYTHON names another interpreter. PyPI's torch brings CUDA (about 3 GB); for a machine without a
# GPU add `--extra-index-url https://download.pytorch.org/whl/cpu`.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3.11}
folder=${1:?usage: deploy/wheelhouse.sh FOLDER [OPTIONS FOR pip download]}
shift

if [ -e "$folder" ]; then
    echo "error: $folder exists; an old wheel in it would be installed; remove it first" >&2
    exit 2
fi
partial=$folder.partial
rm -rf "$partial"
mkdir -p "$partial"

"$python" -m pip wheel --quiet --no-deps --wheel-dir "$partial" "$root"
"$python" -m pip download --quiet --only-binary :all: --constraint "$root/constraints.txt" \
    --dest "$partial" "$@" "$partial"/fedcmr-*.whl
(cd "$partial" && sha256sum -- *.whl >SHA256SUMS)
mv "$partial" "$folder"

echo "$(find "$folder" -name '*.whl' | wc -l) wheels, $(du -sh "$folder" | cut -f1), in $folder"
