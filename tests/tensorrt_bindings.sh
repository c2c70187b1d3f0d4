#!/bin/sh
# The Python modules of three versions of TensorRT, without its libraries, each into a folder of its own below DIR
# (4 MB together): for tests/test_tensorrt_contract.py. They cannot share an environment: all are `tensorrt_bindings`.
set -eu
python=${PYTHON:-.venv/bin/python}
for version in 10.3.0 10.16.1.11 11.4.0.106; do
    "$python" -m pip install --quiet --no-deps --target "$1/$version" "tensorrt-cu12-bindings==$version"
done
