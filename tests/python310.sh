#!/bin/sh
# The tests on Python 3.10, as JetPack 6 has it, in an environment of their own; without the training libraries.
set -eu
cd "$(dirname "$0")/.."
env=.venv310
stamp=$env/.installed

find_python310() {
    # A pyenv shim may stand on the PATH and still not run: only the answer counts.
    for candidate in python3.10 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10.*/bin/python3.10; do
        if [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = 3.10 ]; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
}

up_to_date() {
    [ -e "$stamp" ] && "$env/bin/python" -c '' 2>/dev/null &&
        [ -z "$(find pyproject.toml constraints.txt -newer "$stamp")" ]
}

python310=$(find_python310)
if [ -z "$python310" ]; then
    echo 'Python 3.10: not found, library and daemon not tested on it'
    exit 0
fi
if ! up_to_date; then
    rm -rf "$env"
    .venv/bin/uv venv --quiet --python "$python310" "$env"
    .venv/bin/uv pip install --quiet --python "$env/bin/python" --constraint constraints.txt \
        --editable '.[overlay]' pytest hypothesis hatchling
    touch "$stamp"
fi
echo "Python 3.10: $python310"
exec "$env/bin/python" -m pytest -m 'not train' "$@"
