#!/bin/sh
# Takes nanotally from this machine; see docs/operations.md. As root:
#   deploy/uninstall.sh [--purge] [--root DIR]
# Kept are the configuration, the data and the user whose they are. --purge takes these too: journals, recordings, keys.
set -eu

root='' purge=no
while [ $# -gt 0 ]; do
    case $1 in
        --purge) purge=yes ;;
        --root)
            [ $# -ge 2 ] || { echo "uninstall.sh: --root needs a folder" >&2 && exit 2; }
            root=$(realpath -m "$2")
            shift
            ;;
        *) echo "usage: deploy/uninstall.sh [--purge] [--root DIR]" >&2 && exit 2 ;;
    esac
    shift
done
if [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then
    echo "uninstall.sh: this takes files from /opt and /etc: run it with sudo" >&2
    exit 1
fi
units=$root/etc/systemd/system
running=no
[ -n "$root" ] || [ ! -d /run/systemd/system ] || running=yes

if [ $running = yes ]; then
    systemctl stop 'nanotally@*.service' 'nanotally-*@*.service'
fi
rm -f "$units"/*.wants/nanotally@*.service "$units"/*.wants/nanotally-*@*.service
rm -f "$units/nanotally@.service" "$units"/nanotally-*@.service
rm -f "$units"/nanotally@.service.d/10-jetson.conf "$units"/nanotally-engine@.service.d/10-jetson.conf
rm -f "$root/etc/udev/rules.d/70-nanotally.rules" "$root/etc/nanotally/example.toml" "$root/usr/local/bin/nanotally"
rm -rf "$root/opt/nanotally" "$root/var/cache/nanotally"

if [ $purge = yes ]; then
    rm -rf "$root/etc/nanotally" "$root/var/lib/nanotally"
    rm -rf "$units"/nanotally@*.service.d "$units"/nanotally-*@*.service.d
    rm -f "$root/etc/sysusers.d/nanotally.conf"
    # In a trial without rights the user stays in that folder's list.
    if [ "$(id -u)" -eq 0 ] && grep -q '^nanotally:' "$root/etc/passwd" 2>/dev/null; then
        userdel ${root:+--prefix "$root"} nanotally
    fi
fi
rmdir "$units"/nanotally*@*.service.d "$units"/nanotally*@*.service.wants 2>/dev/null || true
if [ $running = yes ]; then
    systemctl daemon-reload
    systemctl reset-failed 'nanotally*'
    udevadm control --reload
fi
if [ $purge = yes ]; then
    echo "uninstall.sh: nothing of nanotally is left"
else
    echo "uninstall.sh: done; /etc/nanotally, /var/lib/nanotally and their user are kept (--purge takes them)"
fi
