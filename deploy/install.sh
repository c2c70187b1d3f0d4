#!/bin/sh
# Installs nanotally beside a microscope, or upgrades it; see docs/operations.md. As root, from the project's folder:
#   deploy/install.sh [--wheels DIR] [--python PROGRAM] [--root DIR]
#   deploy/install.sh --roll-back [--root DIR]
# A version is a folder in /opt/nanotally/versions, and `current` a link to the one that serves. The link is switched in
# one step, to a version that is whole and whose check-up found no fault; what breaks off before leaves the old one.
set -eu
umask 022
export PIP_DISABLE_PIP_VERSION_CHECK=1

usage() {
    cat <<END
usage: deploy/install.sh [--wheels DIR] [--python PROGRAM] [--root DIR]
       deploy/install.sh --roll-back [--root DIR]
  --wheels DIR      take nanotally and all that it needs from this folder; nothing is fetched
  --python PROGRAM  of the new environment, 3.10 or later; default /usr/bin/python3
  --roll-back       return to the version before; a second time: forward again
  --root DIR        into this folder instead of the machine's own tree, for a trial: nothing is started
END
}

say() { echo "install.sh: $*"; }

die() {
    say "$*" >&2
    exit 1
}

# jetson, gpu (a PC with the driver of NVIDIA) or plain.
machine() {
    if [ -e "$root/etc/nv_tegra_release" ]; then
        echo jetson
    elif [ -e "$root/proc/driver/nvidia/version" ]; then
        echo gpu
    else
        echo plain
    fi
}

check_tools() {
    [ -n "$root" ] || [ "$(id -u)" -eq 0 ] ||
        die "this writes to /opt and /etc: run it with sudo, or try it with --root DIR"
    command -v systemd-sysusers >/dev/null || die "systemd-sysusers is missing: apt install systemd"
    [ -z "$wheels" ] || [ -d "$wheels" ] || die "--wheels $wheels: no such folder"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "$python is not Python 3.10 or later"
    "$python" -c 'import ensurepip' 2>/dev/null || die "$python cannot make environments: apt install python3-venv"
}

# The wheel of nanotally: that of --wheels, or one made of the checkout, in the folder $1.
wheel_in() {
    if [ -z "$wheels" ]; then
        [ -e "$project/pyproject.toml" ] || die "$project is no checkout of nanotally; give --wheels DIR"
        "$python" -m venv "$1/build"
        "$1/build/bin/pip" --quiet wheel --no-deps --wheel-dir "$1" "$project" >&2
    fi
    set -- "${wheels:-$1}"/nanotally-*.whl
    [ -e "$1" ] || die "there is no nanotally-*.whl in $(dirname "$1")"
    [ $# -eq 1 ] || die "$(dirname "$1") has $# wheels of nanotally; leave one there"
    echo "$1"
}

# Its version, and eight digits of its contents: another build of the same version is another folder.
name_of() {
    version=${1##*/nanotally-}
    digest=$(sha256sum "$1")
    echo "${version%%-*}-$(expr "$digest" : '\(.\{8\}\)')"
}

pip_install() {
    [ ! -e "$project/constraints.txt" ] || set -- "$@" --constraint "$project/constraints.txt"
    [ -z "$wheels" ] || set -- "$@" --no-index --find-links "$wheels"
    "$target/bin/pip" install --quiet "$@"
}

# A new environment in $target with the wheel $1.
build() {
    rm -rf "$target"
    case $kind in
        jetson) "$python" -m venv --system-site-packages "$target" ;; # for the TensorRT that JetPack brings
        *) "$python" -m venv "$target" ;;
    esac
    pip_install "$1[camera,screen,overlay,log]"
    mkdir -p "$target/share/nanotally"
    cp -R "$project/deploy" "$project/systemd" "$target/share/nanotally/"
}

# The libraries of the GPU. They may be had later: the installer tries again whenever it is run.
add_tensorrt() {
    PATH=$PATH:/usr/local/cuda/bin pip_install "$1[tensorrt]" ||
        say "THE TENSORRT ENGINE WAS NOT INSTALLED, and the GPU stays idle; OpenVINO serves on the processor." \
            "PyCUDA is compiled here: apt install build-essential python3-dev and the CUDA toolkit (nvcc)," \
            "and run this again" >&2
}

# `nanotally doctor` of $target, with ports of its own: those of the daemon that serves meanwhile are taken.
check_up() {
    cat >"$scratch/trial.toml" <<END
[source.main]
uri = "sim:"
[publish]
endpoint = "tcp://127.0.0.1:*"
[control]
endpoint = "tcp://127.0.0.1:*"
[metrics]
port = 0
END
    (cd "$scratch" && "$target/bin/nanotally" doctor --config trial.toml)
}

# The link $1 in $home leads to $2 from one moment to the next.
point() {
    ln -sfn "$2" "$home/.$1.new"
    mv -fT "$home/.$1.new" "$home/$1"
}

# What the version that now serves has for the rest of the machine.
place() {
    share=$home/current/share/nanotally
    units=$root/etc/systemd/system
    mkdir -p "$units"
    for old in "$units"/nanotally@.service "$units"/nanotally-*@.service; do
        [ -e "$share/systemd/${old##*/}" ] || rm -f "$old"
    done
    install -m 644 "$share"/systemd/*@.service "$units"
    for unit in nanotally@ nanotally-engine@; do
        own=$units/$unit.service.d/10-jetson.conf
        rm -f "$own"
        [ "$kind" != jetson ] || install -D -m 644 "$share/systemd/jetson.conf" "$own"
    done
    install -D -m 644 "$share/systemd/70-nanotally.rules" "$root/etc/udev/rules.d/70-nanotally.rules"
    install -D -m 644 "$share/systemd/nanotally.sysusers" "$root/etc/sysusers.d/nanotally.conf"
    install -D -m 644 "$share/deploy/nanotally.toml" "$root/etc/nanotally/example.toml"
    mkdir -p "$root/usr/local/bin"
    ln -sfn /opt/nanotally/current/bin/nanotally "$root/usr/local/bin/nanotally"
    systemd-sysusers ${root:+--root="$root"} "$root/etc/sysusers.d/nanotally.conf"
}

# What runs is started again with the new version.
serve() {
    [ -z "$root" ] && [ -d /run/systemd/system ] || return 0
    systemctl daemon-reload
    udevadm control --reload
    udevadm trigger --subsystem-match=video4linux
    systemctl try-restart 'nanotally@*.service' 'nanotally-overlay@*.service' ||
        die "a service did not start again: journalctl -u 'nanotally*' says why." \
            "Back to the version before: $home/current/share/nanotally/deploy/install.sh --roll-back"
}

# Only the version that serves and the one before are kept.
tidy() {
    for version in "$home"/versions/*; do
        case versions/${version##*/} in
            "$(readlink "$home/current")" | "$(readlink "$home/previous")") ;;
            *) rm -rf "$version" ;;
        esac
    done
}

put_in() {
    wheel=$(wheel_in "$scratch")
    name=$(name_of "$wheel")
    target=$home/versions/$name
    if [ ! -e "$target/whole" ]; then
        say "installing $name for a $kind machine"
        build "$wheel"
    fi
    [ "$kind" = plain ] || add_tensorrt "$wheel"
    if [ ! -e "$target/whole" ]; then
        check_up || die "the check-up of $name found a fault, see above; the version that served goes on"
        touch "$target/whole"
    fi
    served=$(readlink "$home/current" || true)
    if [ "$served" != "versions/$name" ]; then
        [ -z "$served" ] || point previous "$served"
        point current "versions/$name"
    fi
    place
    tidy
    serve
    say "$name serves. A microscope: cp /etc/nanotally/example.toml /etc/nanotally/sem1.toml, edit it, then" \
        "systemctl enable --now nanotally@sem1 nanotally-overlay@sem1"
}

roll_back() {
    served=$(readlink "$home/current" || true)
    before=$(readlink "$home/previous" || true)
    [ -n "$before" ] && [ "$before" != "$served" ] && [ -e "$home/$before/whole" ] ||
        die "there is no version before this one"
    point current "$before"
    point previous "$served"
    place
    serve
    say "${before#versions/} serves again, instead of ${served#versions/}"
}

root='' wheels='' python=/usr/bin/python3 action=put_in
while [ $# -gt 0 ]; do
    case $1 in
        --roll-back) action=roll_back ;;
        --help) usage && exit 0 ;;
        --wheels | --python | --root)
            [ $# -ge 2 ] || { usage >&2 && exit 2; }
            case $1 in
                --wheels) wheels=$(realpath -m "$2") ;;
                --python) python=$2 ;;
                --root) root=$(realpath -m "$2") ;;
            esac
            shift
            ;;
        *) usage >&2 && exit 2 ;;
    esac
    shift
done
project=$(realpath "$(dirname "$0")/..")
home=$root/opt/nanotally
kind=$(machine)
check_tools
mkdir -p "$home/versions"
exec 9>"$home/.lock"
flock -n 9 || die "another installation is running"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
$action
